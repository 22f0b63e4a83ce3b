"""Feast over the lake's tables, with an online store in SQLite or Redis (fulfils ports.FeatureStore)."""

from include.adapters.feature_store.store import DEFINITIONS, FeastFeatureStore

__all__ = ["DEFINITIONS", "FeastFeatureStore"]
