"""Records of a small platform, as the adapters give them: two months of flights, a model, a release."""

from datetime import UTC, datetime

from include.catalog.entries import Catalog
from include.catalog.facts import Facts, ModelRecord
from include.catalog.making import make
from include.contracts.deployment import ReleaseRef
from include.contracts.development import DatasetRef, ModelRef, PartRef
from include.contracts.features import ViewDefinition
from include.contracts.quality import CheckOutcome, GateResult
from include.contracts.tables import SnapshotRef, TableCommit, TableRef, TableState
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase

SPEC = load_usecase("flight_delay")
MONTHS = ("2013-01", "2013-02")
VIEWS = {"airport_weather": "origin", "aircraft": "tailnum"}


def facts() -> Facts:
    tables = [
        _state("events", list(SPEC.tables["events"].columns)),
        _state("weather", list(SPEC.tables["weather"].columns)),
    ]
    tables += [_state("planes", list(SPEC.tables["planes"].columns))]
    tables += [_state(v, [key, "event_timestamp", *_features(v)]) for v, key in VIEWS.items()]
    tables += [_state("predictions", ["request_id", "release", "origin", "temp"])]
    return Facts(
        tables=tables,
        snapshots=[_snapshot(month, version) for version, month in enumerate(MONTHS, 1)],
        views=[_view(name, key) for name, key in VIEWS.items()],
        gates=gates(),
        models=[ModelRecord(model=model(), features=SPEC.feature_names, tags={"released_as": "r0001"})],
        releases=[ReleaseRef(usecase=SPEC.name, name="r0001", model_version=1, path="/r", content_hash="c" * 64)],
        serving="r0001",
        predictions={"r0001": 1200},
    )


def catalog(spec: UseCase = SPEC) -> Catalog:
    return make(spec, facts(), datetime(2013, 3, 1, tzinfo=UTC))


def gates() -> list[GateResult]:
    """January was refused once and passed when it came again; February passed with a warning."""
    late = {"table": "events", "expectation": "expect_values_not_null", "column": "late", "rows": 100}
    late |= {"dimension": "completeness", "detail": "N12345"}
    refused = CheckOutcome(severity="block", unexpected=90, passed=False, **late)
    warned = CheckOutcome(severity="warn", unexpected=4, passed=False, **late)
    met = CheckOutcome(severity="block", unexpected=0, passed=True, **late)
    said = [("2013-01", refused), ("2013-01", met), ("2013-02", warned)]
    return [
        GateResult(usecase=SPEC.name, gate="features", period=p, rows={"events": 100}, checks=[one, met, met])
        for p, one in said
    ]


def model() -> ModelRef:
    part = PartRef(path="/d", rows=10, content_hash="0" * 64, periods=["2013-01"])
    dataset = DatasetRef(
        usecase=SPEC.name, name="2013-02-abc", path="/d", feature_service="flight_delay_v1", label="late",
        train=part, validation=part, test=part, snapshots={m: f"{m}-aa" for m in MONTHS},
    )  # fmt: skip
    return ModelRef(
        usecase=SPEC.name, version=1, run_id="run", uri="models:/x/1", artifact_hash="a" * 64, dataset=dataset
    )


def _state(table: str, columns: list[str]) -> TableState:
    commits = [TableCommit(version=v, at=datetime(2013, 1 + v, 28, tzinfo=UTC), operation="WRITE") for v in (0, 1, 2)]
    kinds = dict.fromkeys([*columns, "period"], "string")
    return TableState(table=table, version=2, columns=kinds, rows=dict.fromkeys(MONTHS, 50), files=[], commits=commits)


def _snapshot(month: str, version: int) -> SnapshotRef:
    refs = {
        t: TableRef(table=t, version=version, rows=50, content_hash="b" * 64) for t in ("events", "weather", *VIEWS)
    }
    return SnapshotRef(usecase=SPEC.name, period=month, name=f"{month}-aa", tables=refs)


def _view(name: str, key: str) -> ViewDefinition:
    return ViewDefinition(
        name=name, description=f"{name} as known at a time", owner="met-office" if name == "airport_weather" else "",
        tags={}, keys=[key], features={f: ("float64", f"what {f} is") for f in _features(name)},
        services=["flight_delay_v1"],
    )  # fmt: skip


def _features(view: str) -> list[str]:
    return [f.name for f in SPEC.features if f.origin == view]
