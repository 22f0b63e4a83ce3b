"""Monitored figures, alerts and retrain plans."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from include.contracts.development import TrainingRequest
from include.contracts.period import Period
from include.contracts.record import Moment, Record

Severity = Literal["look", "repair", "retrain"]
"""``repair``: something is broken now; ``look``: a person looks, soon; ``retrain``: the loop asks for a retrain."""
FigureState = Literal["judged", "too few", "provisional", "constant"]
"""What a figure is worth: ``too few`` rows or blocks to conclude anything, ``provisional`` while labels of it are not
due, ``constant`` where it has one value only; its ``note`` says how many."""


class Figure(Record):
    """Monitored figures of one release in the window that ends with a period: quality, drift, calibration, latency."""

    usecase: str = Field(description="use case")
    release: str = Field(description="release that was measured")
    period: Period
    name: str = Field(description="what was measured")
    subject: str = Field(default="", description="feature or slice; empty for the whole")
    value: float = Field(description="the figure; never NaN", allow_inf_nan=False)
    low: float | None = Field(default=None, description="lower bound of its interval")
    high: float | None = Field(default=None, description="upper bound of its interval")
    n: int = Field(default=0, description="rows behind it")
    effective_n: int | None = Field(default=None, description="independent rows that would say as much; if known")
    floor: float | None = Field(default=None, description="what chance alone reaches; below it, nothing is concluded")
    state: FigureState = Field(default="judged", description="what it is worth")
    note: str = Field(default="", description="why it is worth no more, in words")

    def beyond(self, limit: float) -> bool:
        """Whether it is above the limit, and above what chance alone reaches; of too few rows never."""
        return self.value > limit and not self.is_noise and self.state != "too few"

    @property
    def is_noise(self) -> bool:
        return self.floor is not None and self.value <= self.floor


class SliceFigure(Figure):
    """Figures of one release in a window, of the rows of one slice: quality and drift, by slice."""

    slice_key: str = Field(description="column by which the rows are sliced")
    slice_value: str = Field(description="value of that column")


class CalibrationBin(Figure):
    """Answers of about the same probability in a window: how many there were, and how many of them came true."""

    predicted: float = Field(description="mean probability that the answers of the bin gave")


class BinnedCounts(Record):
    """Rows by bin, of one feature or of the answers of a release in a window, and of what it is compared with."""

    usecase: str = Field(description="use case")
    release: str = Field(description="release that was measured")
    period: Period
    subject: str = Field(default="", description="feature; empty for the answers")
    bins: list[str] = Field(description="names of the bins, JSON; places alone where values name people")
    now: list[int] = Field(description="rows of the window by bin, JSON")
    test_set: list[int] = Field(description="rows of the release's test set by bin, JSON")
    window_before: list[int] | None = Field(default=None, description="rows of the window before by bin, JSON")
    last_season: list[int] | None = Field(default=None, description="rows of the same season last year by bin, JSON")


class BlockLoss(Record):
    """Loss of one release in one block of time (a day or an hour), summed over its labelled answers of a window."""

    usecase: str = Field(description="use case")
    release: str = Field(description="release that answered")
    period: Period
    block: str = Field(description="when the block begins, by the clock of the use case")
    rows: int = Field(description="labelled answers of the block")
    total: float = Field(description="sum of their losses: Brier score of a class, absolute error of a number")
    squares: float = Field(description="sum of the squares of their losses")


class Alert(Record):
    """A firing Prometheus alert that the retrain trigger decides on; ``period`` is '' if it belongs to no period."""

    name: str
    usecase: str
    severity: Severity
    release: str
    period: Period | Literal[""]
    value: float
    summary: str


class FiringAlert(Record):
    """An alert of Moebius' rules that fires now, whoever it asks; ``usecase`` is '' for one of the platform.

    ``asks``: the retrain trigger decides on it, too.
    """

    name: str
    usecase: str
    severity: Severity
    release: str
    summary: str
    action: str
    since: Moment | None
    asks: bool


class FiredAlert(Record):
    """An alert of Prometheus from when it fired to when it was resolved (None: it fires); ``about`` are its labels."""

    name: str
    severity: Severity
    release: str
    about: dict[str, str]
    since: Moment
    until: Moment | None


class WindowFigures(Record):
    """Figures that are shown of a window, and when it ends: the newest one, or the newest whose labels are due."""

    usecase: str
    window: Literal["newest", "judged"]
    end: Moment
    figures: list[Figure]


class LatePeriods(Record):
    """Periods of a use case that are due and not published: the oldest ('' if there is none), its start, how many."""

    usecase: str
    oldest: Period | Literal[""]
    begins: Moment | None
    count: int


class OpenQuestion(Record):
    """A question that waits for a person: about what, since when, and until when at most (None: as its record says)."""

    usecase: str
    question: str
    since: Moment
    until: Moment | None = None


class FailedNotices(Record):
    """How many notices about questions of a use case could not be sent."""

    usecase: str
    count: int


class RetrainPlan(Record):
    """What to change in the next training, and why.

    ``recalibrate``: only the calibrator of the model that serves is fitted anew, on ``train_from`` to ``train_to``.
    """

    usecase: str
    name: str
    decision: Literal["retrain", "keep", "fix_data"]
    cause: str
    evidence: list[str]
    action: str
    train_from: Period | None
    train_to: Period | None
    test_from: Period | None
    test_to: Period | None
    alerts: list[Alert]
    decided_at: Moment
    recalibrate: bool = False

    @model_validator(mode="before")
    @classmethod
    def _of_one_period(cls, given: Any) -> Any:
        """Decisions were recorded with one period to test on before a window could be longer."""
        if isinstance(given, dict) and "test_period" in given:
            rest = {name: value for name, value in given.items() if name != "test_period"}
            return {"test_from": given["test_period"], "test_to": given["test_period"], **rest}
        return given

    def about(self, periods: Sequence[Period]) -> bool:
        """Whether it was decided on one of these periods: by its alerts, without them by the newest monitored one."""
        named = {str(alert.period) for alert in self.alerts} or {self.name.rsplit("-", 2)[0]}
        return not named.isdisjoint(periods)

    @property
    def request(self) -> TrainingRequest:
        """Fields of the plan that the next training uses."""
        window = {name: getattr(self, name) for name in ("train_from", "train_to", "test_from", "test_to")}
        return TrainingRequest(plan=self.name, recalibrate=self.recalibrate, **window)


class RecordedDecision(Record):
    """Every decision to retrain or not, with cause and evidence."""

    period: Period
    decision: Literal["retrain", "keep", "fix_data"]
    decided_at: Moment = Field(description="when it was decided, UTC")
    record: RetrainPlan = Field(description="the decision, JSON")
    run: str = Field("", description="run that decided; it decides once, however often it is repeated")


class DamagedState(Record):
    """How many files in a room of the state root are not what was written."""

    room: str
    files: int


class GivenLabel(Record):
    """Labels that people gave to rows they were asked about, one row per answer; the newest answer counts."""

    period: Period
    given_by: str = Field(description="login that answered")
    selection: str = Field(description="rows that were offered together")
    release: str = Field(description="release that was uncertain about the row")
    strategy: str = Field(description="measure of uncertainty: entropy, margin or disagreement")
    uncertainty: float = Field(description="uncertainty: 0 to 1 for classes, in units of the label for numbers")
