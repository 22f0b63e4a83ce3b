"""Entries of the record of approvals, for tests that are about something else."""

from collections.abc import Sequence
from datetime import UTC, datetime

from include.contracts.approval import ApprovalEntry
from include.contracts.development import DatasetRef, ModelRef, PartRef
from include.contracts.evaluation import Verdict
from include.errors import NotFoundError, ServiceError
from include.governance import approval
from include.services.composition import Services
from include.specification.usecase import UseCase

PART = PartRef(path="/nowhere.parquet", rows=1, content_hash="0" * 64, periods=["2013-03"])


def approve(services: Services, spec: UseCase, version: int, model_hash: str = "0" * 64) -> ApprovalEntry:
    """Register the version unless it is, judge it well, and approve it as ``ada``."""
    judged = judge(services, spec, version, model_hash)
    with services.approvals.adding(spec) as ledger:
        return ledger.conclude("approved", judged, by="ada", reason="it is better")


def judge(
    services: Services,
    spec: UseCase,
    version: int,
    model_hash: str = "0" * 64,
    run: str = "",
    people: Sequence[str] = (),
) -> ApprovalEntry:
    """Register the version unless it is, and judge it well, as versions did whose verdicts had no evidence."""
    with services.approvals.adding(spec) as ledger:
        model = approval.registration(ledger.history, version)
        if model is None:
            made = _model(services, spec, version, model_hash)
            facts = {"model": made.json_dict(), "members": [], "training_key": f"key {version}"}
            model = ledger.add("registered", made, by="asset_triggered", reason="trained", facts=facts)
        verdict = _verdict(services, spec, version)
        facts, about = {"verdict": verdict.json_dict()}, {"decision": "promote", "verdict": verdict.digest}
        about |= {"run": run, "people": [*people]}
        return ledger.add("verdict", model, by="asset_triggered", reason="better", facts=facts, **about)


def _verdict(services: Services, spec: UseCase, version: int) -> Verdict:
    """Against what serves now."""
    serving = services.serving.champion(spec)
    return Verdict(
        usecase=spec.name, decision="promote", rule="r", reason="better", candidate=version,
        champion=serving.model_version if serving else None,
        champion_release=serving.name if serving else None,
        cells=[], differences={}, gates=[], self_test="passed",
        decided_at=datetime(2026, 1, 2, tzinfo=UTC),
    )  # fmt: skip


def _model(services: Services, spec: UseCase, version: int, model_hash: str) -> ModelRef:
    try:
        return services.adapters.tracker.model(spec.name, version).model_copy(update={"artifact_hash": model_hash})
    except (NotFoundError, ServiceError):
        dataset = DatasetRef(
            usecase=spec.name, name="d", path="/nowhere", feature_service="s", label="late", train=PART,
            validation=PART, test=PART, snapshots={},
        )  # fmt: skip
        about = {"version": version, "run_id": f"run{version}", "uri": f"models:/{spec.name}/{version}"}
        return ModelRef(usecase=spec.name, artifact_hash=model_hash, dataset=dataset, **about)
