"""Small records for tests of the loop."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from include.contracts.development import DatasetRef, ModelRef, PartRef, Proof
from include.contracts.evaluation import Verdict
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef, TableRef
from include.data.manifests import Snapshots, Turn
from include.loop import approval
from include.services.composition import Services
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec

SPEC = small_spec(rollout={"strategy": "canary", "steps": [0.1]})
APRIL = Period("2013-04")
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def publish(services: Services, *periods: str, spec: UseCase = SPEC) -> None:
    """Each period's manifest, of a table ``events`` that need not be there."""
    snapshots: Snapshots = services.records.snapshots(spec)
    for period in periods:
        table = TableRef(table="events", version=1, rows=1, content_hash="0")
        ref = SnapshotRef(usecase=spec.name, period=Period(period), name=f"{period}-abc", tables={"events": table})
        snapshots.keep(ref)
        snapshots.make_current(ref, Turn.of(ref.name, NOON, "ada", "published"))


def dataset(home: Path) -> DatasetRef:
    part = PartRef(path=str(home / "part.parquet"), rows=1, content_hash="0", periods=[APRIL])
    return DatasetRef(
        usecase=SPEC.name, name="d", path=str(home), feature_service="s", label="late", train=part, validation=part,
        test=part, snapshots={},
    )  # fmt: skip


def register(services: Services, people: Sequence[str] = (), **tags: str) -> ModelRef:
    """A version that a training registered, which the ``people`` started."""
    model: ModelRef = services.adapters.tracker.log_training(
        SPEC.name, dataset(services.settings.home), b"model", {}, {}, {}, tags=tags
    )
    services.approvals.register(SPEC, model, by="asset_triggered", people=[*people])
    return model


def refit_of(services: Services, proof: ModelRef, content: bytes = b"refit") -> ModelRef:
    """The proof's recipe, fitted once more: a version of its own, registered as its refit."""
    model: ModelRef = services.adapters.tracker.log_training(SPEC.name, proof.dataset, content, {}, {}, {})
    services.approvals.register(SPEC, model, proof=Proof.of(proof), by="asset_triggered", people=[])
    return model


def verdict(version: int = 1, reason: str = "better", decision: str = "promote", champion: int | None = 9) -> Verdict:
    return Verdict(
        usecase=SPEC.name, decision=decision, rule="r", reason=reason, candidate=version, champion=champion,
        champion_release=None, cells=[], differences={}, gates=[], self_test="passed", decided_at=NOON,
    )  # fmt: skip


def news(services: Services, run: str = "run-1", spec: UseCase = SPEC, after: timedelta = timedelta()) -> str | None:
    """What a task that has waited so long for an answer has to do."""
    since = datetime.now(UTC)
    return approval.news(spec, services, run, since, since + after)
