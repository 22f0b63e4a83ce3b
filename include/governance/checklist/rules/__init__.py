"""Importing this package registers the rule of every item."""

from include.governance.checklist.rules import data, deployment, development, governance, operations

__all__ = ["data", "deployment", "development", "governance", "operations"]
