"""How a use case learns and is judged: split, trainer, search, metrics, comparisons, fairness, behaviour."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from include.contracts.calendar import Span
from include.contracts.period import Period
from include.specification.part import ClassName, Fault, Name, Part, Share, SomeLength, named_alike
from include.specification.search import Choices, Range
from include.specification.trainers import TRAINERS, parameter_faults, space_faults


class Split(Part):
    """How a dataset is cut.

    ``time``: the periods of the last ``test`` test (left out: one period), the ``validation`` before them validates.
    ``group`` and ``stratified``: of all periods ``test_share`` tests and ``validation_share`` validates: whole groups
    (equal values of ``group``), or equal shares of every class in every period. ``max_repeated``: share of the test
    rows that the training part may hold word for word under another event id.
    """

    by: Literal["time", "group", "stratified"] = "time"
    group: Name | None = None
    test: SomeLength | None = None
    validation: SomeLength = Span("7 days")
    test_share: float = Field(default=0.2, gt=0, lt=0.5)
    validation_share: float = Field(default=0.2, gt=0, lt=0.5)
    max_repeated: Share = 0.05

    def faults(self) -> Iterator[Fault]:
        if (self.by == "group") != (self.group is not None):
            yield Fault("group", "'group' names the column of a split by group, which needs it")


class Tuning(Part):
    """A search for better parameters: so many ``trials``, for so many ``minutes`` at most, by ``workers`` tasks.

    ``space`` is what is tried instead of the trainer's own; ``grid`` needs choices only.
    """

    trials: int = Field(default=0, ge=0)
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    minutes: float | None = Field(default=None, gt=0)
    pruning: bool = True
    workers: int = Field(default=2, ge=1)
    space: dict[str, Range | Choices] = {}

    def faults(self) -> Iterator[Fault]:
        if self.sampler == "grid" and (ranges := [n for n, r in self.space.items() if isinstance(r, Range)]):
            yield Fault("space", f"a grid needs lists of choices; {ranges} are ranges")


class Baseline(Part):
    """What every candidate must beat: the ``prior`` (of the training part), a ``linear`` model, or the last season.

    ``seasonal`` predicts the value of ``feature``, which holds the label one season ago.
    """

    kind: Literal["prior", "linear", "seasonal"] = "prior"
    feature: Name | None = None

    def faults(self) -> Iterator[Fault]:
        if (self.kind == "seasonal") != (self.feature is not None):
            yield Fault("feature", "'feature' belongs to a seasonal baseline, which needs it")


TrainerName = Literal["xgboost", "sklearn", "torch_tabular", "torch_image", "torch_sequence", "torch_text", "own"]


class Trainer(Part):
    """The algorithm, where it starts (``champion``: from the serving model's weights), and what it must beat.

    ``own`` is the ``TRAINER`` of the use case's ``model.py``. ``imbalance``: equal weight for every class, or
    equal numbers by leaving out rows of the larger ones (training part only). ``calibration`` of probabilities is
    fitted on the validation part (``auto``: by what helps there). ``ensemble``: the average of champion and candidate
    is a further candidate.
    """

    name: TrainerName
    parameters: dict[str, int | float | str] = {}
    tuning: Tuning = Tuning()
    baseline: Baseline = Baseline()
    start_from: Literal["scratch", "champion"] = "scratch"
    imbalance: Literal["none", "weights", "undersample"] = "none"
    calibration: Literal["auto", "isotonic", "sigmoid", "none"] = "auto"
    ensemble: bool = False

    def faults(self) -> Iterator[Fault]:
        if facts := TRAINERS.get(self.name):
            yield from parameter_faults(self.name, facts, self.parameters)
            yield from space_faults(self.name, facts, self.tuning.space, self.tuning.sampler)


MetricName = Literal[
    "roc_auc", "average_precision", "brier", "log_loss", "accuracy", "f1_macro", "roc_auc_ovr", "mae", "rmse", "r2",
    "median_absolute_error", "silhouette",
]  # fmt: skip


class Training(Part):
    """What is released: the model that was judged, or the same recipe fitted again with the newest rows.

    ``after_proof`` (the default where the split is by time): when a candidate is taken, it is fitted once more with the
    test sets that proved it. ``agreement``: mean difference between the answers of both on recent rows that is
    allowed, as a probability, or in standard deviations of the label.
    """

    refit: Literal["after_proof", "never"] | None = None
    agreement: float = Field(default=0.15, gt=0)


class Guard(Part):
    """The input guard: periods that are unlike those before them neither train nor test.

    ``enabled``: left out, it is on, except where periods are hours: no hour is like the days before it.
    ``false_alarms``: the share of sound periods that it may refuse. ``accept``: periods that a person accepts as they
    are, each with the reason.
    """

    enabled: bool | None = None
    false_alarms: float = Field(default=0.02, gt=0, lt=0.5)
    accept: dict[Period, Annotated[str, Field(min_length=1)]] = {}


class Metrics(Part):
    primary: MetricName
    secondary: list[MetricName] = []

    @property
    def names(self) -> list[MetricName]:
        """Primary first, each once."""
        return list(dict.fromkeys([self.primary, *self.secondary]))


class Criterion(Part):
    """An absolute limit; ``bound`` says whether the value or a confidence bound must meet it."""

    metric: MetricName
    at_least: float | None = None
    at_most: float | None = None
    bound: Literal["value", "lower", "upper"] = "value"

    def faults(self) -> Iterator[Fault]:
        if (self.at_least is None) == (self.at_most is None):
            yield Fault("", f"acceptance of {self.metric}: give exactly one of at_least, at_most")

    @property
    def limit(self) -> float:
        """The number that must be reached, or not passed."""
        return self.at_least if self.at_least is not None else float(self.at_most or 0.0)

    def met_by(self, value: float, low: float, high: float) -> bool:
        """Whether the value, or the bound of its interval that is asked for, is within the limit."""
        judged = {"value": value, "lower": low, "upper": high}[self.bound]
        return judged >= self.limit if self.at_least is not None else judged <= self.limit


class Slices(Part):
    columns: list[Name] = []
    margin: float = Field(default=0.02, ge=0)
    min_rows: int = Field(default=300, ge=2)


Weighed = MetricName | Literal["calibration"]


class Comparison(Part):
    """When a candidate replaces the champion. Gains, margins and costs are in units of the primary metric.

    A release costs ``min_gain``; a gain must be there with ``probability``. What is forgotten beyond
    ``forgetting_margin`` counts by the share ``returns``: how often rows like the old ones come again. ``weights`` say
    what one unit of another metric, or of the ``calibration`` error, is worth. ``block`` is what is drawn as a whole
    when intervals are made: days, hours, an entity, or rows (left out: days, where the window has ten, else hours).
    """

    min_gain: float = Field(ge=0)
    probability: float = Field(default=0.9, gt=0.5, lt=1)
    forgetting_margin: float = Field(ge=0)
    returns: Share = 0.5
    weights: dict[Weighed, Annotated[float, Field(ge=0)]] = {}
    block: Name | None = None
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    resamples: int = Field(default=1000, ge=100)
    min_rows: int = Field(default=500, ge=2)
    slices: Slices = Slices()
    calibration_margin: float = Field(default=0.03, ge=0)
    calibration_limit: float = Field(default=0.1, gt=0)  # of a first release, which has no champion to compare with


class Fairness(Part):
    """How far groups (values of the columns ``groups``) may be apart; a gate of every candidate.

    Limits by measure: ``demographic_parity``, ``equal_opportunity`` and ``equalized_odds`` (differences of rates, for
    classification) and ``error_gap`` (difference of the primary metric). Groups with fewer rows are not judged.
    """

    groups: list[Name] = []
    limits: dict[
        Literal["demographic_parity", "equal_opportunity", "equalized_odds", "error_gap"], Annotated[float, Field(ge=0)]
    ] = {}
    min_rows: int = Field(default=100, ge=2)

    def faults(self) -> Iterator[Fault]:
        if self.limits and not self.groups:
            yield Fault("limits", "limits need groups: the columns that hold the groups")


class Invariance(Part):
    """Another value of ``feature`` must not matter: one of ``values``, or ``noise`` standard deviations more.

    ``share`` of the rows must change by ``max_change`` at most, in units of the answer.
    """

    feature: Name
    values: list[float | str] = []
    noise: float | None = Field(default=None, gt=0)
    max_change: float = Field(ge=0)
    share: Share = 0.99

    def faults(self) -> Iterator[Fault]:
        if bool(self.values) == (self.noise is not None):
            yield Fault("", f"invariance of {self.feature}: give values or noise")


class Direction(Part):
    """``feature`` plus ``by`` moves the mean answer, and that of ``share`` of the rows or more, as ``effect`` says."""

    feature: Name
    by: float
    effect: Literal["rises", "falls"]
    share: Share = 0.5


class MinimumFunctionality(Part):
    """Rows that anybody gets right: where the columns have these values, the mean answer lies within the limits.

    A value is a number, a text, or ``[low, high]``, both ends included. For a multiclass task ``predicted`` is the
    class that at least ``share`` of these rows must get.
    """

    name: str
    where: dict[str, float | str | list[float]] = Field(min_length=1)
    at_least: float | None = None
    at_most: float | None = None
    predicted: ClassName | None = None
    share: Share = 0.9


class Behaviour(Part):
    """Tests that every candidate must pass before it is registered.

    ``stability``: largest change of an answer when every number is one float32 step larger (0: not tested), of numbers
    in standard deviations of the label.
    ``max_row_ms``: one row in ONNX Runtime on one thread.
    """

    invariance: list[Invariance] = []
    direction: list[Direction] = []
    minimum_functionality: list[MinimumFunctionality] = []
    stability: float = Field(default=0.01, ge=0)
    max_bytes: int | None = Field(default=None, ge=1)
    max_row_ms: float | None = Field(default=None, gt=0)
    beats_baseline: bool = True

    def faults(self) -> Iterator[Fault]:
        return named_alike("minimum_functionality", [test.name for test in self.minimum_functionality])


class Labelling(Part):
    """Rows to offer for labelling: where the champion is least sure (``entropy``, ``margin``), or the models differ."""

    strategy: Literal["entropy", "margin", "disagreement"] = "entropy"
    rows: int = Field(default=20, ge=1, le=500)


class Card(Part):
    """What only people can say of a model: for its model card."""

    intended_use: str = ""
    not_for: list[str] = []
    ethics: str = ""
