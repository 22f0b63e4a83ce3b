"""What is recorded about a use case, oldest first."""

from typing import TYPE_CHECKING

from include.contracts.deployment import RolloutEvent
from include.contracts.evaluation import Verdict
from include.contracts.operations import Figure, RetrainPlan
from include.contracts.period import Period
from include.contracts.quality import GateResult
from include.contracts.streaming import Reconciliation
from include.contracts.tables import SnapshotRef
from include.ports import Lake
from include.services.adapters import Adapters
from include.specification.usecase import UseCase

if TYPE_CHECKING:
    from include.data.manifests import Snapshots
    from include.governance.privacy_state import PrivacyState


class Records:
    """Reads manifests and record tables."""

    def __init__(self, adapters: Adapters) -> None:
        self._adapters = adapters

    @property
    def _lake(self) -> Lake:
        return self._adapters.lake

    def snapshots(self, spec: UseCase) -> "Snapshots":
        """The use case's manifests, to read and to change."""
        from include.data.manifests import Snapshots

        return Snapshots(spec.name, self._adapters.state, self._adapters.locks)

    def privacy(self, spec: UseCase) -> "PrivacyState":
        """The key in use, erased subjects and unfinished deletions, to read and to change."""
        from include.governance.privacy_state import PrivacyState

        return PrivacyState(spec.name, self._adapters.state, self._adapters.locks)

    def snapshot_refs(self, spec: UseCase) -> list[SnapshotRef]:
        return self.snapshots(spec).published()

    def all_snapshots(self, spec: UseCase) -> list[SnapshotRef]:
        """The current and every named snapshot."""
        return list(self.snapshots(spec).manifests().values())

    def published(self, spec: UseCase) -> list[Period]:
        return [s.period for s in self.snapshot_refs(spec)]

    def gate_results(self, spec: UseCase) -> list[GateResult]:
        from include.data import quality

        return quality.results(spec, self._lake)

    def quarantined_rows(self, spec: UseCase) -> list[dict]:
        """The last word on every row that a gate held."""
        from include.data import quarantine

        return quarantine.current(spec, self._lake)

    def figures(self, spec: UseCase) -> list[Figure]:
        return [Figure.model_validate(row) for row in self._rows(spec, "figures")]

    def reconciliations(self, spec: UseCase) -> list[Reconciliation]:
        from include.streaming import reconciliation

        return reconciliation.results(spec, self._lake)

    def decisions(self, spec: UseCase) -> list[RetrainPlan]:
        records = [RetrainPlan.model_validate_json(row["record"]) for row in self._rows(spec, "decisions")]
        return sorted(records, key=lambda d: d.decided_at)

    def rollout_events(self, spec: UseCase) -> list[RolloutEvent]:
        """Every change of what serves, every judgement of a rollout, every drill."""
        from include.deployment import events

        return events.events(spec, self._lake)

    def verdicts(self, spec: UseCase) -> list[Verdict]:
        records = [Verdict.model_validate_json(row["record"]) for row in self._rows(spec, "verdicts")]
        return sorted(records, key=lambda v: v.decided_at)

    def _rows(self, spec: UseCase, table: str) -> list[dict]:
        return self._lake.read(spec.name, table).to_pylist() if self._lake.exists(spec.name, table) else []
