"""Evidence of the data layer: items 1 to 6."""

from collections.abc import Mapping

from include.governance.checklist.deriving import derives
from include.governance.checklist.facts import NOTHING, Facts, Found, Which, both
from include.specification.usecase import UseCase

PIPELINE = "data_pipeline"
GATEWAY = ("haproxy_server_status", "haproxy_frontend_http_responses_total")
"""Metrics of the gateway, which are there while it runs."""


def _by(connector: str) -> Which:
    return lambda spec: any(source.connector == connector for source in spec.sources.values())


def _streams(spec: UseCase) -> bool:
    return bool(spec.streams)


def _looks_up(spec: UseCase) -> bool:
    return bool(spec.feature_views)


def _pseudonymises(spec: UseCase) -> bool:
    return any(rule.treatment == "pseudonymise" for rule in spec.privacy.columns.values())


@derives(1)
def collection(f: Facts) -> Mapping[str, Found]:
    streamed = f.table("reconciliation", "stream_reconciliation", _streams, "streams") | f.figure(
        "moebius_stream_events_total"
    )
    return {
        "batch": f.table("collections", PIPELINE) | f.file("snapshot", PIPELINE),
        "streaming": streamed,
        "database": f.table("events", PIPELINE, _by("sql"), "sources.connector: sql"),
        "api": f.table("events", PIPELINE, _by("http"), "sources.connector: http"),
        "files": f.table("events", PIPELINE, _by("file"), "sources.connector: file"),
    }


@derives(2)
def quality(f: Facts) -> Mapping[str, Found]:
    checks = {
        dimension: f.mark("gate_results", dimension, PIPELINE, kind="test")
        for dimension in ("completeness", "consistency", "accuracy")
    }
    return {
        **checks,
        "figures": f.figure("moebius_gate_failures") | f.table("period_profiles", PIPELINE, kind="figure"),
    }


@derives(3)
def feature_store(f: Facts) -> Mapping[str, Found]:
    return {
        "online": f.there("online_store", "run", family=PIPELINE) | f.figure("moebius_feature_lookups_total"),
        "offline": f.file("offline_view", PIPELINE, which=_looks_up, needs="feature_views"),
        "versions": f.file("feature_service", "deployment"),
        "search": f.file("catalog", "catalog", which=_looks_up, needs="feature_views"),
    }


@derives(4)
def versions(f: Facts) -> Mapping[str, Found]:
    operation = "data_versions"
    return {
        "versions": f.file("snapshot", PIPELINE),
        "history": f.file("history", PIPELINE),
        "rollback": f.mark("version_operations", "restore", operation),
        "comparison": f.event("operation: diff"),
    }


@derives(5)
def catalog(f: Facts) -> Mapping[str, Found]:
    return {
        "store": f.file("catalog", "catalog", "document"),
        "search": f.file("catalog", "catalog", "document"),
        "lineage": f.there("lineage", "run", family=PIPELINE),
        "data_map": f.file("sheet", "catalog", "document"),
    }


@derives(6)
def security(f: Facts) -> Mapping[str, Found]:
    searched = f.table(
        "privacy_audits", "privacy_audit", _pseudonymises, "privacy.columns.treatment: pseudonymise", "test"
    )
    return {
        "at_rest": NOTHING,
        "in_transit": both(f.there("certificate", needs="moebius gateway add"), f.figure(*GATEWAY)),
        "access": f.there("rights", "run", "make up"),
        "pseudonyms": searched,
        "audit": f.event("kind: access"),
    }
