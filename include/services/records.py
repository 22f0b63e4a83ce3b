"""What is recorded about a use case, oldest first; ``wanted`` are the filters of ``RecordTable.rows``."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from include.contracts.costs import StoredBytes
from include.contracts.deployment import LostAnswers, RolloutEvent
from include.contracts.evaluation import Verdict
from include.contracts.guard import PeriodProfile
from include.contracts.operations import (
    BinnedCounts,
    BlockLoss,
    CalibrationBin,
    Figure,
    RetrainPlan,
    SliceFigure,
    WindowFigures,
)
from include.contracts.period import Period
from include.contracts.quality import CheckRecord, GateResult, QuarantinedRow, StandingWarning, TableOutcome
from include.contracts.scrub import Scrubbed
from include.contracts.streaming import Reconciliation
from include.contracts.tables import CollectedDay, SnapshotRef
from include.ports.lake import Lake
from include.records.registry import (
    BLOCK_LOSSES,
    CALIBRATION_BINS,
    COLLECTIONS,
    DECISIONS,
    DISTRIBUTIONS,
    FIGURES,
    GATE_RESULTS,
    LOST_ANSWERS,
    PERIOD_PROFILES,
    QUARANTINE,
    RECONCILIATION,
    ROLLOUT_EVENTS,
    SCRUBS,
    SLICE_FIGURES,
    STORAGE,
    TASK_COSTS,
    VERDICTS,
)
from include.services.adapters import Adapters
from include.specification.usecase import UseCase

if TYPE_CHECKING:
    from include.data.manifests import Snapshots, Turn
    from include.data.publications import Publication
    from include.governance.privacy_state import PrivacyState
    from include.operations.overview.task_sums import TaskSums


LOOKED_BACK = 60
"""Periods, or windows without overlap, that pages show and decisions look at; older figures stay in the lake."""
NEVER = datetime.min.replace(tzinfo=UTC)


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
        return self.snapshots(spec).periods()

    def stamp(self, spec: UseCase, tables: Iterable[str]) -> str:
        """Another text after each change of these tables of records, or of what is published (of no table).

        "" where the last change is so young that another one might have the same text.
        """
        stamps = [self._lake.stamp(spec.name, table) for table in tables] or [self.snapshots(spec).stamp()]
        return " ".join(stamps) if all(stamps) else ""

    def newest_snapshot(self, spec: UseCase) -> SnapshotRef | None:
        """The snapshot of the newest published period."""
        return self.snapshots(spec).newest()

    def publications(self, spec: UseCase, periods: Sequence[Period]) -> "list[Publication]":
        """Of those of the periods that are published: the snapshot in force, since when, how often it changed."""
        from include.data import publications

        return publications.publications(self.snapshots(spec), periods)

    def pins(self, spec: UseCase) -> "list[Turn]":
        """Snapshots that somebody keeps from expiring: who, since when, why."""
        return self.snapshots(spec).pins()

    def task_costs(self, spec: UseCase, newest: int) -> "TaskSums":
        """Sums of what tasks took in so many of the newest months that have any, as far as the lake has it."""
        from include.operations.overview import task_sums

        months = TASK_COSTS.periods(spec.name, self._lake)[-newest:]
        return task_sums.summed(TASK_COSTS.ordered(spec.name, self._lake, periods=months))

    def storage(self, spec: UseCase, newest: int) -> list[StoredBytes]:
        """What was stored at the measures of so many of the newest months that have any."""
        months = STORAGE.periods(spec.name, self._lake)[-newest:]
        return STORAGE.read(spec.name, self._lake, periods=months) if months else []

    def gate_results(self, spec: UseCase, **wanted: Any) -> list[GateResult]:
        from include.data import quality

        return quality.results(spec, self._lake, **wanted)

    def gate_periods(self, spec: UseCase) -> list[Period]:
        """Periods that a gate checked, sorted."""
        return GATE_RESULTS.periods(spec.name, self._lake)

    def last_gate_results(self, spec: UseCase) -> list[GateResult]:
        """The newest evaluation of every gate."""
        from include.data import quality

        return quality.last(spec, self._lake)

    def standing_warnings(self, spec: UseCase) -> list[StandingWarning]:
        """Warnings of the gates that fire in period after period."""
        from include.data import quality

        return quality.standing(spec, self._lake)

    def gate_outcomes(self, spec: UseCase, periods: Sequence[Period]) -> list[TableOutcome]:
        """What the newest evaluation of each gate says of each table of these periods."""
        from include.data import gate_outcomes

        return gate_outcomes.outcomes(spec.name, self._lake, periods)

    def quarantined_rows(self, spec: UseCase, newest: int | None = None) -> list[QuarantinedRow]:
        """The last word on every row that a gate held; of so many of the newest periods that have such, or of all."""
        from include.data import quarantine

        if newest is None:
            return quarantine.current(spec, self._lake)
        periods = QUARANTINE.periods(spec.name, self._lake)[-newest:]
        return quarantine.current(spec, self._lake, periods) if periods else []

    def profiles(self, spec: UseCase, newest: int) -> list[PeriodProfile]:
        """What the input guard says of so many of the newest periods that it saw; without their figures."""
        if not (periods := PERIOD_PROFILES.periods(spec.name, self._lake)[-newest:]):
            return []
        judged = ["period", "at", "rows", "days", "source", "oddities"]
        rows = PERIOD_PROFILES.rows(spec.name, self._lake, periods=periods, columns=judged, order=("period", "at"))
        left_out: dict[str, Any] = {
            "shapes": {},
            "counts": {},
            "orders": {},
            "columns": [],
            "mean": [],
            "covariance": [],
        }
        found = [{**left_out, **row, "oddities": from_json(row["oddities"] or "[]")} for row in rows.to_pylist()]
        return list({row["period"]: PeriodProfile.model_validate(row) for row in found}.values())

    def collected(self, spec: UseCase, newest: int) -> list[CollectedDay]:
        """Rows by source and local day, as last collected, of so many of the newest periods."""
        periods = COLLECTIONS.periods(spec.name, self._lake)[-newest:]
        return COLLECTIONS.read(spec.name, self._lake, periods=periods) if periods else []

    def figures(self, spec: UseCase, **wanted: Any) -> list[Figure]:
        return FIGURES.read(spec.name, self._lake, **wanted)

    def slice_figures(self, spec: UseCase, **wanted: Any) -> list[SliceFigure]:
        """Figures by slice; ``wanted`` also by ``slice_key`` and ``slice_value``."""
        return SLICE_FIGURES.read(spec.name, self._lake, **wanted)

    def measured_windows(self, spec: UseCase) -> list[Period]:
        """Periods that a monitored window ends with, sorted."""
        return FIGURES.periods(spec.name, self._lake)

    def window_figures(self, spec: UseCase, window: Period) -> list[Figure]:
        """Of the window that ends with this period, of every release."""
        return self.figures(spec, periods=[window])

    def figures_written(self, spec: UseCase) -> datetime | None:
        """When figures of any window were written last; None before the first."""
        return self._lake.changed_at(spec.name, FIGURES.name)

    def window_slices(self, spec: UseCase, window: Period) -> list[SliceFigure]:
        """How many rows each slice of this window had, how far it drifted, and how good the answers were."""
        names = ["rows", "not_measured", "drifted_features", spec.metrics.primary]
        return self.slice_figures(spec, periods=[window], name=names)

    def distributions(self, spec: UseCase, window: Period, *subjects: str) -> list[BinnedCounts]:
        """Of these features, '' being the answers, in this window."""
        return DISTRIBUTIONS.read(spec.name, self._lake, periods=[window], subject=list(subjects))

    def calibration_bins(self, spec: UseCase, window: Period) -> list[CalibrationBin]:
        return CALIBRATION_BINS.read(spec.name, self._lake, periods=[window])

    def block_losses(self, spec: UseCase, windows: Sequence[Period]) -> list[BlockLoss]:
        return BLOCK_LOSSES.read(spec.name, self._lake, periods=windows)

    def shown_figures(self, spec: UseCase) -> list[WindowFigures]:
        """Those of the newest window, and of the newest whose labels are due; [] when nothing was measured."""
        from include.operations.windows import windows

        if not (ends := self._newest_and_judged(spec)):
            return []
        newest, judged = ends
        return windows.shown(spec, self.figures(spec, periods=sorted({judged, newest})), newest, judged)

    def decisive_figures(self, spec: UseCase) -> list[Figure]:
        """What a decision looks at: the newest window, and the last ones without overlap whose labels are due."""
        from include.operations.windows import windows

        if not (ends := self._newest_and_judged(spec)):
            return []
        newest, judged = ends
        return self.figures(spec, periods=sorted({newest, *windows.ends(spec, judged, LOOKED_BACK)}))

    def history(self, spec: UseCase, *names: str) -> list[Figure]:
        """These figures of releases, as a whole or of their primary metric, of the newest measured periods."""
        newest = FIGURES.periods(spec.name, self._lake)[-LOOKED_BACK:]
        return (
            self.figures(spec, periods=newest, name=list(names), subject=["", spec.metrics.primary]) if newest else []
        )

    def newest_windows(self, spec: UseCase, *names: str) -> list[Figure]:
        """These figures of releases, each of its subjects, of the newest measured periods."""
        newest = FIGURES.periods(spec.name, self._lake)[-LOOKED_BACK:]
        return self.figures(spec, periods=newest, name=list(names)) if newest else []

    def refused_checks(self, spec: UseCase, periods: list[Period]) -> list[CheckRecord]:
        """The blocking expectations that were not met in these periods, in every evaluation."""
        if not periods:
            return []
        checks = GATE_RESULTS.read(spec.name, self._lake, periods=periods, severity="block", passed=False)
        return [check for check in checks if not check.broken]

    def lost_answers(self, spec: UseCase, **wanted: Any) -> list[LostAnswers]:
        return LOST_ANSWERS.read(spec.name, self._lake, **wanted)

    def _newest_and_judged(self, spec: UseCase) -> tuple[Period, Period] | None:
        """The newest window, and the newest most of whose labels are due; None when nothing was measured."""
        from include.operations.windows import windows

        if not (measured := FIGURES.periods(spec.name, self._lake)):
            return None
        recent = windows.maturing(spec, measured)
        counts = self.figures(spec, periods=recent, name=list(windows.COUNTS)) if spec.event.label else []
        return measured[-1], windows.judged(counts, recent)

    def reconciliations(self, spec: UseCase, **wanted: Any) -> list[Reconciliation]:
        """The newest comparison of each period and view; earlier ones stay in the table."""
        every = RECONCILIATION.read(spec.name, self._lake, **wanted)
        rows = sorted(every, key=lambda row: (row.period, row.view, row.at or NEVER))
        return list({(row.period, row.view): row.record for row in rows}.values())

    def decisions(self, spec: UseCase, **wanted: Any) -> list[RetrainPlan]:
        return [row.record for row in DECISIONS.read(spec.name, self._lake, **wanted)]

    def rollout_events(self, spec: UseCase, **wanted: Any) -> list[RolloutEvent]:
        return ROLLOUT_EVENTS.read(spec.name, self._lake, **wanted)

    def last_drill(self, spec: UseCase) -> list[RolloutEvent]:
        return self.rollout_events(spec, event="drilled", newest=1)

    def last_scrub(self, spec: UseCase) -> list[Scrubbed]:
        """The newest result of every kind of file."""
        rows = SCRUBS.read(spec.name, self._lake, periods=SCRUBS.periods(spec.name, self._lake)[-2:])
        return list({row.kind: row for row in rows}.values())

    def verdicts(self, spec: UseCase, **wanted: Any) -> list[Verdict]:
        return [row.record for row in VERDICTS.read(spec.name, self._lake, **wanted)]
