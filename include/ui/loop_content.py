"""What the page of a use case shows, gathered from its records: each group of records is read once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from include.contracts.approval import ApprovalEntry
from include.contracts.deployment import ReleaseRef, RolloutEvent, RolloutState
from include.contracts.evaluation import Verdict
from include.contracts.operations import Figure, RetrainPlan
from include.contracts.period import Period
from include.errors import MoebiusError
from include.evaluation.metrics import direction
from include.governance.release_facts import ReleaseFacts, facts
from include.operations.overview import drift_map, history, plan_outcome, served, timeline
from include.operations.overview.drift_map import Cell
from include.operations.overview.plan_outcome import Outcome
from include.operations.overview.timeline import Happening
from include.services.records import LOOKED_BACK
from include.specification.learning import Criterion
from include.specification.usecase import UseCase
from include.ui import signed
from include.ui.access import Reader
from include.ui.charts.stacked import Content

PLANS = 8
"""Newest retrain plans of which the page shows what came of them."""
FIGURES = (*timeline.COUNTS, drift_map.DRIFT, drift_map.OF_ANSWERS, plan_outcome.GAIN)
ON_AXIS = [*timeline.ROLLOUT]


@dataclass(frozen=True)
class Known:
    """The records of a use case as far as the reader's role reads them, oldest first, the newest of each."""

    spec: UseCase
    state: RolloutState | None
    release: ReleaseRef | None
    figures: Sequence[Figure]
    decisions: Sequence[RetrainPlan]
    verdicts: Sequence[Verdict]
    events: Sequence[RolloutEvent]
    signed: Sequence[ApprovalEntry]
    unproved: str = ""
    """Why the record of approvals cannot be believed; '' when it can."""

    @cached_property
    def windows(self) -> list[Period]:
        return timeline.axis((figure.period for figure in self.figures), LOOKED_BACK)

    @property
    def cut(self) -> bool:
        """Whether there may be windows before the first that is shown."""
        return len(self.windows) >= LOOKED_BACK

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """Primary metric by window and release, with what each is worth."""
        rows = history.rows(self.spec, list(self.figures))
        return [row | {"worth": timeline.worth(self.spec, row)} for row in rows]

    @property
    def criterion(self) -> Criterion | None:
        """The acceptance limit of the primary metric."""
        return next((one for one in self.spec.acceptance if one.metric == self.spec.metrics.primary), None)

    @cached_property
    def main(self) -> dict[Period, str]:
        return timeline.main_releases(self.figures)

    @cached_property
    def cells(self) -> list[Cell]:
        return drift_map.cells(self.figures, self.main, self.spec.monitoring.drift_threshold)

    @cached_property
    def newest_drift(self) -> list[Cell]:
        """The cells of the newest window that has any."""
        newest = max((cell.period for cell in self.cells), default=None)
        return [cell for cell in self.cells if cell.period == newest]

    @cached_property
    def labels(self) -> dict[Period, dict[str, int]]:
        return timeline.label_counts(self.figures) if self.spec.event.label else {}

    @property
    def now(self) -> dict[str, Any] | None:
        """The newest window in which what serves was measured."""
        mine = [row for row in self.rows if row["served"] and self.state and row["release"] == self.state.champion]
        return mine[-1] if mine else None

    @property
    def accepted(self) -> bool | None:
        """Whether that window meets the acceptance limit; None where nothing says so."""
        now, limit = self.now, self.criterion
        if now is None or limit is None or now["state"] == "too few":
            return None
        low, high = (now["value"] if now[end] is None else now[end] for end in ("low", "high"))
        return limit.met_by(now["value"], low, high)

    @property
    def since(self) -> RolloutEvent | None:
        """The event with which what serves began to serve."""
        mine = [one for one in served.champions(self.events) if self.state and one.champion == self.state.champion]
        return mine[-1] if mine else None

    @cached_property
    def facts(self) -> ReleaseFacts | None:
        """What the record of approvals says of the version that serves."""
        return facts(self.signed, self.release.model_version) if self.release and self.signed else None

    @cached_property
    def proof(self) -> ReleaseFacts | None:
        """The same of the version that was judged, where what serves is its refit; None where it was judged itself."""
        mine = self.facts
        return facts(self.signed, mine.proof) if mine and mine.proof != mine.version else None

    @property
    def last_alerts(self) -> list[Happening]:
        """The alerts of the newest decision that had one."""
        alerted = [plan for plan in self.decisions if plan.alerts]
        return [one for one in timeline.of_decisions(alerted[-1:]) if one.lane == "alert"]

    @cached_property
    def outcomes(self) -> list[Outcome]:
        primary = self.spec.metrics.primary
        return plan_outcome.outcomes(primary, self.decisions, self.verdicts, self.events, self.figures)[-PLANS:]

    def content(self, incidents: Sequence[Happening] = ()) -> Content:
        """What the picture on the axis of windows shows."""
        clock = timeline.clock(self.spec, self.windows, self.figures, self.decisions, self.events, cut=self.cut)
        happened = [*timeline.of_decisions(self.decisions), *timeline.of_rollouts(clock, self.events), *incidents]
        return Content(
            metric=self.spec.metrics.primary, direction=direction(self.spec.metrics.primary),
            limit=self.criterion.limit if self.criterion else None, drift_limit=self.spec.monitoring.drift_threshold,
            windows=self.windows, rows=self.rows, spans=timeline.spans(self.windows, self.main), happened=happened,
            cells=self.cells, labels=self.labels,
        )  # fmt: skip


def known(spec: UseCase, reader: Reader) -> Known:
    """Read the newest records of the use case."""
    records, state = reader.records, reader.services.serving.rollout_state(spec)
    release = _release(spec, reader, state)
    approvals, unproved = _signed(spec, reader, release)
    return Known(
        spec=spec, state=state, release=release,
        figures=records.newest_windows(spec, *history.names(spec), *FIGURES),
        decisions=_decisions(spec, reader), verdicts=records.verdicts(spec, newest=LOOKED_BACK),
        events=records.rollout_events(spec, event=ON_AXIS, newest=LOOKED_BACK), signed=approvals, unproved=unproved,
    )  # fmt: skip


def incidents(known: Known, reader: Reader) -> list[Happening]:
    """Periods that a gate refused, and answers that were not logged."""
    spec, windows = known.spec, known.windows
    if not windows:
        return []
    refused = timeline.of_refusals(reader.records.refused_checks(spec, windows))
    return [*refused, *timeline.of_losses(spec, windows, reader.records.lost_answers(spec, newest=LOOKED_BACK))]


def _decisions(spec: UseCase, reader: Reader) -> list[RetrainPlan]:
    """The newest ones; where none of them is a retrain, the newest retrain before them too."""
    newest = list(reader.records.decisions(spec, newest=LOOKED_BACK))
    if len(newest) < LOOKED_BACK or any(plan.decision == "retrain" for plan in newest):
        return newest
    return [*reader.records.decisions(spec, decision="retrain", newest=1), *newest]


def _release(spec: UseCase, reader: Reader, state: RolloutState | None) -> ReleaseRef | None:
    """What serves; None where it is damaged or gone."""
    try:
        return reader.services.adapters.releases.get(spec.name, state.champion) if state else None
    except MoebiusError:
        return None


def _signed(spec: UseCase, reader: Reader, release: ReleaseRef | None) -> tuple[list[ApprovalEntry], str]:
    """What is recorded of the version that serves; what was altered is not shown as if it were true, and why."""
    try:
        return signed.about(spec, reader, release.model_version) if release else [], ""
    except MoebiusError as error:
        return [], str(error)
