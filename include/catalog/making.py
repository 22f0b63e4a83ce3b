"""Builds the catalog from records: spec, lake, snapshots, feature registry, gates, models, releases, predictions."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from include.catalog.entries import Catalog, Entry, GateEntry, VersionEntry
from include.catalog.facts import Facts, ModelRecord, column_meaning, feature_meaning, strictest, table_meaning
from include.catalog.lineage import edges
from include.contracts.deployment import ReleaseRef
from include.contracts.features import ViewDefinition
from include.contracts.period import Period, periods_text
from include.contracts.quality import GateResult
from include.contracts.tables import TableState
from include.records.privacy import column_level
from include.records.registry import ANSWERS
from include.specification.usecase import UseCase

NEWEST = 60
"""Periods whose snapshots and gates have an entry of their own; of a year of hours nobody reads 8,760."""


def make(spec: UseCase, facts: Facts, made_at: datetime) -> Catalog:
    """The catalog of a use case; edges between things that are not there (yet) are left out."""
    entries = [
        *_sources(spec, facts),
        *(e for state in facts.tables for e in _table(spec, facts, state)),
        *_features(spec, facts),
        *_services(spec, facts),
        *(e for record in facts.models for e in _model(spec, record)),
        *(_release(spec, facts, release) for release in facts.releases),
    ]
    unique = {e.id: e for e in entries}
    known = {(e.source, e.target): e for e in edges(spec, facts) if {e.source, e.target} <= set(unique)}
    return Catalog(
        usecase=spec.name, title=spec.title, made_at=made_at, entries=list(unique.values()),
        edges=list(known.values()), notes=list(facts.notes),
    )  # fmt: skip


def _sources(spec: UseCase, facts: Facts) -> Iterator[Entry]:
    for name, source in spec.sources.items():
        owner, about = source.owner or spec.owner, {"connector": source.connector, "key": ", ".join(source.key)}
        yield Entry(
            id=f"source/{name}", kind="source", name=name, meaning=source.description, owner=owner,
            privacy=strictest(spec, name, list(source.columns)), facts=about, gates=_gates(facts, "raw", name),
        )  # fmt: skip
        for column, kind in source.columns.items():
            yield Entry(
                id=f"source/{name}/{column}", kind="column", name=column, meaning=f"as delivered in {name}",
                owner=owner, privacy=column_level(spec, name, column), type=kind,
            )  # fmt: skip


def _table(spec: UseCase, facts: Facts, state: TableState) -> Iterator[Entry]:
    view = next((v for v in facts.views if v.name == state.table), None)
    owner = (view.owner if view else "") or spec.owner
    columns = [c for c in state.columns if c != "period"]
    yield Entry(
        id=f"table/{state.table}", kind="predictions" if state.table in ANSWERS else "table", name=state.table,
        meaning=table_meaning(spec, facts, state.table), owner=owner, privacy=strictest(spec, state.table, columns),
        facts=_table_facts(state, view), versions=_table_versions(facts, state),
        gates=_gates(facts, "features", state.table),
    )  # fmt: skip
    for column, kind in state.columns.items():
        yield Entry(
            id=f"table/{state.table}/{column}", kind="column", name=column, owner=owner, type=kind,
            meaning=column_meaning(spec, facts, state.table, column), privacy=column_level(spec, state.table, column),
        )  # fmt: skip


def _table_facts(state: TableState, view: ViewDefinition | None) -> dict[str, str]:
    facts = {"rows": f"{sum(state.rows.values()):,}", "Delta version": str(state.version)}
    if state.rows:
        facts["periods"] = f"{min(state.rows)} to {max(state.rows)} ({len(state.rows)})"
    if view:
        facts |= {"feature view of": ", ".join(view.keys), "feature services": ", ".join(view.services)}
        facts |= {f"tag {k}": v for k, v in view.tags.items()}
    return facts


def _table_versions(facts: Facts, state: TableState) -> list[VersionEntry]:
    """The snapshots that pin the table, newest first; a table that no snapshot has shows its commits."""
    made = {c.version: c.at for c in state.commits}
    pinned = [(s, s.tables[state.table]) for s in facts.snapshots if state.table in s.tables]
    if pinned:
        newest = [
            VersionEntry(
                name=s.name,
                at=made.get(r.version),
                detail=f"Delta version {r.version}, {r.rows:,} rows of {s.period}, content {r.content_hash[:12]}",
            )
            for s, r in pinned[: -NEWEST - 1 : -1]
        ]
        return [*newest, *_others([s.period for s, _ in pinned[:-NEWEST]])]
    return [
        VersionEntry(name=f"Delta version {c.version}", at=c.at, detail=c.operation) for c in state.commits[:-11:-1]
    ]


def _gates(facts: Facts, gate: str, table: str) -> list[GateEntry]:
    """The last word of a gate on each of the newest periods of a table, newest first."""
    last = {r.period: r for r in facts.gates if r.gate == gate and table in r.rows}
    return [_gate(last[period], table) for period in sorted(last, reverse=True)[:NEWEST]]


def _others(periods: Sequence[Period]) -> list[VersionEntry]:
    """One entry for the periods that have none of their own."""
    return (
        [VersionEntry(name=f"{len(periods)} more", detail=f"snapshots of {periods_text(periods)}")] if periods else []
    )


def _gate(result: GateResult, table: str) -> GateEntry:
    mine = [f for f in result.failures if f.table == table]
    lines = [
        f"{f.column or 'table'}: {f.expectation} ({f.severity}): "
        + ("the check broke" if f.broken else f"{f.unexpected:,} of {f.rows:,} rows")
        for f in mine
    ]
    passed = not any(f.severity == "block" for f in mine)
    return GateEntry(gate=result.gate, period=result.period, passed=passed, failures=lines)


def _features(spec: UseCase, facts: Facts) -> Iterator[Entry]:
    views = {v.name: v for v in facts.views}
    for feature in spec.features:
        view = views.get(feature.origin)
        services = {"feature services": ", ".join(view.services)} if view else {}
        yield Entry(
            id=f"feature/{feature.name}", kind="feature", name=feature.name, type=feature.kind,
            meaning=feature_meaning(spec, facts, feature.name), owner=(view.owner if view else "") or spec.owner,
            privacy=column_level(spec, feature.origin, feature.name), facts={"from": feature.origin, **services},
        )  # fmt: skip


def _services(spec: UseCase, facts: Facts) -> Iterator[Entry]:
    for service in sorted({s for v in facts.views for s in v.services}):
        views = [v for v in facts.views if service in v.services]
        yield Entry(
            id=f"service/{service}", kind="feature service", name=service, owner=spec.owner,
            meaning=f"The features that a model is trained and served with, from {', '.join(v.name for v in views)}",
            privacy=strictest(spec, service, [f for v in views for f in [*v.keys, *v.features]]),
            facts={"features": str(sum(len(v.features) for v in views))},
        )  # fmt: skip


def _model(spec: UseCase, record: ModelRecord) -> Iterator[Entry]:
    model, dataset = record.model, record.model.dataset
    pinned = sorted(dataset.snapshots.items())
    versions = [VersionEntry(name=name, detail=f"snapshot of {period}") for period, name in pinned[-NEWEST:]]
    versions = [*_others([period for period, _ in pinned[:-NEWEST]]), *versions]
    rows = {part: f"{getattr(dataset, part).rows:,} rows" for part in ("train", "validation", "test")}
    if dataset.refit_of:
        rows["refit of"] = f"{dataset.refit_of}, whose validation and test part it learns from too"
    yield Entry(
        id=f"dataset/{dataset.name}", kind="dataset", name=dataset.name, owner=spec.owner,
        meaning=f"Training data of {spec.title}: events with the features known at their time, split by time",
        privacy=strictest(spec, dataset.name, [*spec.fields, *spec.feature_names]), facts=rows, versions=versions,
    )  # fmt: skip
    shown_tags = ("verdict", "approved_by", "released_as", "serving_since", "revision", "refit_of", "recalibrated_from")
    about = {
        "run": model.run_id,
        "artifact": model.artifact_hash[:12],
        **{k: record.tags[k] for k in shown_tags if k in record.tags},
    }
    yield Entry(
        id=f"model/{model.version}", kind="model", name=f"{model.usecase} version {model.version}", owner=spec.owner,
        meaning=spec.description, privacy="internal", facts=about,
    )  # fmt: skip


def _release(spec: UseCase, facts: Facts, release: ReleaseRef) -> Entry:
    about = {"content": release.content_hash[:12], "model version": str(release.model_version)}
    if proof := facts.proofs.get(release.name):
        about["refit of"] = str(proof)
    if release.name == facts.serving:
        about["state"] = "serves"
    if release.name in facts.predictions:
        about["answers logged"] = f"{facts.predictions[release.name]:,}"
    return Entry(
        id=f"release/{release.name}", kind="release", name=release.name, owner=spec.owner, privacy="internal",
        facts=about,
        meaning=f"Model version {release.model_version} packaged with its features and monitoring baseline",
    )  # fmt: skip
