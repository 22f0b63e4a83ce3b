"""The records that a catalog is built from; they give the meaning and the privacy class of a name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from include.contracts.deployment import ReleaseRef
from include.contracts.development import ModelRef
from include.contracts.features import ViewDefinition
from include.contracts.governance import LEVELS
from include.contracts.quality import GateResult
from include.contracts.record import Record
from include.contracts.tables import PERIOD, SnapshotRef, TableState
from include.records.privacy import column_level
from include.records.registry import RECORD_TABLES
from include.specification.usecase import UseCase

PERIOD_MEANING = {PERIOD: "hour, day, ISO week or month that the row is of"}
VIEW_COLUMNS = {"event_timestamp": "moment from which the values may be used, UTC"}


class ModelRecord(Record):
    """A registered version, the features its encoding names, and its tags."""

    model: ModelRef
    features: list[str]
    tags: dict[str, str]


@dataclass(frozen=True)
class Facts:
    """Everything a catalog is made from; per release the logged answers and those of batch inference (``scored``).

    ``proofs``: of a release that is a refit, the version that was judged.
    """

    tables: Sequence[TableState] = ()
    snapshots: Sequence[SnapshotRef] = ()
    views: Sequence[ViewDefinition] = ()
    gates: Sequence[GateResult] = ()
    models: Sequence[ModelRecord] = ()
    releases: Sequence[ReleaseRef] = ()
    proofs: Mapping[str, int] = field(default_factory=dict)
    serving: str | None = None
    predictions: Mapping[str, int] = field(default_factory=dict)
    scored: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()


def strictest(spec: UseCase, table: str, columns: Sequence[str]) -> str:
    """The class of a table: that of its most protected column."""
    return max((column_level(spec, table, c) for c in columns), key=LEVELS.index, default=spec.privacy.default)


def table_meaning(spec: UseCase, facts: Facts, table: str) -> str:
    """What a table is, from the spec, the feature registry or Moebius's own record tables; '' when nobody says."""
    described = spec.tables.get(table) or RECORD_TABLES.get(table)
    return described.description if described else next((v.description for v in facts.views if v.name == table), "")


def column_meaning(spec: UseCase, facts: Facts, table: str, column: str) -> str:
    """What a column is, from where its table is described; '' when nobody says."""
    described = spec.tables.get(table) or RECORD_TABLES.get(table)
    known = {**PERIOD_MEANING, **(described.columns if described else _view_columns(spec, facts, table))}
    if column not in known and table in RECORD_TABLES and RECORD_TABLES[table].is_open:
        known |= _request_columns(spec, facts)
    return known.get(column, "")


def _view_columns(spec: UseCase, facts: Facts, table: str) -> dict[str, str]:
    view = next((v for v in facts.views if v.name == table), None)
    if view is None:
        return {}
    keys = {e.key: e.description for e in spec.entities.values()}
    return {**VIEW_COLUMNS, **keys, **{name: meaning for name, (_, meaning) in view.features.items()}}


def _request_columns(spec: UseCase, facts: Facts) -> dict[str, str]:
    features = {f.name: feature_meaning(spec, facts, f.name) for f in spec.features}
    return {**features, **(spec.tables["events"].columns if "events" in spec.tables else {})}


def feature_meaning(spec: UseCase, facts: Facts, feature: str) -> str:
    """What a model input is, from where it comes from; '' when nobody says."""
    one = next(f for f in spec.features if f.name == feature)
    table = "events" if one.origin == "request" else one.origin
    return one.description or column_meaning(spec, facts, table, feature)
