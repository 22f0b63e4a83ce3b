"""The use-case spec: what ``include/usecases/<name>/usecase.yaml`` may say, and its loader."""

from datetime import datetime
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from include.contracts import Period
from include.errors import SpecError

USECASES = Path(__file__).resolve().parent / "usecases"
Share = Annotated[float, Field(ge=0, le=1)]
Month = Annotated[str, BeforeValidator(lambda key: Period(key=str(key)).key)]


def _known_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"there is no time zone {name!r}; write it like America/New_York or UTC") from None


Zone = Annotated[str, AfterValidator(_known_zone)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Part(BaseModel):
    """A closed, frozen part of the spec."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Periods(Part):
    """Months the source covers, and when the pipeline of a month starts (cron, UTC)."""

    first: Month
    last: Month
    schedule: str


Task = Literal["binary", "multiclass", "regression", "forecasting", "clustering"]


class Event(Part):
    """Columns of the event table: one row is one prediction to make.

    ``label`` and ``label_time`` are left out for clustering. ``classes`` are the label's values of a multiclass
    task, in the order of their codes.
    """

    id: Name
    time: Name
    label: Name | None = None
    label_time: Name | None = None
    label_delay_hours: float = Field(default=0, ge=0)
    classes: list[Annotated[str, BeforeValidator(str)]] = []

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.label is None) != (self.label_time is None):
            raise ValueError("give label and label_time, or neither of them")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"classes {self.classes} must differ")
        return self


class Source(Part):
    """One raw table: where it comes from, the contract its columns must keep, and how its rows are cut by time.

    ``connector`` names an entry of the connector registry, ``options`` are its own. Without ``time`` the table
    is read whole (a reference table). Rows that arrive up to ``late_days`` after their period are still looked
    for. ``history`` is how many earlier periods its features look back. ``timezone`` says whose calendar month a
    row belongs to; ``without_zone`` whether a timestamp without an offset is refused, read as UTC, or as local there.
    """

    connector: Name
    options: dict[str, Any] = {}
    columns: dict[str, Literal["string", "integer", "number", "boolean", "timestamp"]] = Field(min_length=1)
    key: list[str] = Field(min_length=1)
    time: str | None = None
    timezone: Zone = "UTC"
    without_zone: Literal["refuse", "utc", "local"] = "refuse"
    late_days: int = Field(default=0, ge=0)
    history: int = Field(default=0, ge=0)
    owner: str | None = None
    description: str = ""

    @model_validator(mode="after")
    def _known_columns(self) -> Self:
        named = [*self.key, *([self.time] if self.time else [])]
        if missing := [c for c in named if c not in self.columns]:
            raise ValueError(f"key and time name the columns {missing}; the source has {sorted(self.columns)}")
        return self

    @property
    def required(self) -> list[str]:
        """The columns that must be there, in order; what else a source delivers is left behind."""
        return list(self.columns)


class TableSpec(Part):
    """What a published table is: its meaning and its columns', for the catalog.

    ``key`` makes a row unique; needed where neither the event id nor the key of the source of that name does.
    """

    description: str
    columns: dict[str, str] = {}
    key: list[str] = []


class StreamSpec(Part):
    """Events that keep a feature view current between two batch runs.

    An event is one raw row of ``source``; ``id`` are the fields that make it unique, ``key`` the fields whose
    events must be seen together, for ``window_hours`` back. An event that is more than ``late_hours`` older than
    the newest of its key is left to the batch. It is published ``published_after_hours`` after its time.
    """

    source: Name
    id: list[str] = Field(min_length=1)
    key: list[str] = Field(min_length=1)
    window_hours: int = Field(ge=0)
    late_hours: int = Field(default=24, ge=0)
    published_after_hours: float = Field(default=0, ge=0)


class EntitySpec(Part):
    key: Name
    description: str


class ViewSpec(Part):
    """A feature view: whose features it has, and after how many hours a value is stale (0: never)."""

    entity: Name
    freshness_hours: float = Field(ge=0)


class Feature(Part):
    """One model input. ``from`` is ``request``, ``on_request`` or the name of a feature view.

    ``description`` is the meaning of an ``on_request`` feature; the others have theirs where they are defined.
    A numeric feature with a ``shape`` (an image: rows and columns; a series: steps) is that many columns,
    ``<name>_00``, ``<name>_01`` …, row by row; the loaded spec lists them one by one, each with its ``tensor``.
    A text feature becomes the codes of its first ``length`` words. ``tells_label``: it may predict the label almost
    perfectly by itself; of any other feature that is taken for a leak.
    """

    name: Name
    kind: Literal["numeric", "categorical", "text"]
    origin: Name = Field(alias="from")
    bins: list[float] | None = None
    description: str = ""
    shape: list[Annotated[int, Field(ge=1)]] = []
    length: int | None = Field(default=None, ge=1)
    tells_label: bool = False
    tensor: str = Field(default="", exclude=True)

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.shape and self.kind != "numeric":
            raise ValueError(f"feature {self.name}: only a numeric feature has a shape, this one is {self.kind}")
        if (self.kind == "text") != (self.length is not None):
            raise ValueError(f"feature {self.name}: a text feature needs 'length', another kind has none")
        return self

    @property
    def columns(self) -> list[str]:
        """Names of the columns that hold it."""
        count = prod(self.shape)
        digits = max(2, len(str(count - 1)))
        return [f"{self.name}_{i:0{digits}d}" for i in range(count)] if self.shape else [self.name]


def _one_by_one(features: list[Feature]) -> list[Feature]:
    flat = []
    for feature in features:
        if feature.shape and not feature.tensor:
            parts = [{"name": name, "tensor": feature.name} for name in feature.columns]
            flat += [feature.model_copy(update=part) for part in parts]
        else:
            flat.append(feature)
    return flat


class Split(Part):
    """How a dataset is cut.

    ``time``: the last ``test_periods`` test, the ``validation_days`` before them validate. ``group`` and
    ``stratified``: of all periods ``test_share`` tests and ``validation_share`` validates, whole groups (equal
    values of ``group``), or equal shares of every class in every month. ``max_repeated``: share of the test rows that
    the training part may hold word for word under another event id.
    """

    by: Literal["time", "group", "stratified"] = "time"
    group: Name | None = None
    test_periods: int = Field(default=1, ge=1)
    validation_days: int = Field(default=7, ge=1)
    test_share: float = Field(default=0.2, gt=0, lt=0.5)
    validation_share: float = Field(default=0.2, gt=0, lt=0.5)
    max_repeated: Share = 0.05

    @model_validator(mode="after")
    def _grouped(self) -> Self:
        if (self.by == "group") != (self.group is not None):
            raise ValueError("'group' names the column of a split by group, which needs it")
        return self


class Range(Part):
    """Numbers to try, both ends included; ``integer`` ones, or on a ``log`` scale."""

    low: float
    high: float
    integer: bool = False
    log: bool = False

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(f"low {self.low} must be below high {self.high}, and above 0 on a log scale")
        return self


Choices = Annotated[list[int | float | str], Field(min_length=1)]


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

    @model_validator(mode="after")
    def _countable(self) -> Self:
        if self.sampler == "grid" and (ranges := [n for n, r in self.space.items() if isinstance(r, Range)]):
            raise ValueError(f"a grid needs lists of choices; {ranges} are ranges")
        return self


class Baseline(Part):
    """What every candidate must beat: the ``prior`` (of the training part), a ``linear`` model, or the last season.

    ``seasonal`` predicts the value of ``feature``, which holds the label one season ago.
    """

    kind: Literal["prior", "linear", "seasonal"] = "prior"
    feature: Name | None = None

    @model_validator(mode="after")
    def _seasonal(self) -> Self:
        if (self.kind == "seasonal") != (self.feature is not None):
            raise ValueError("'feature' belongs to a seasonal baseline, which needs it")
        return self


TRAINERS = Literal["xgboost", "sklearn", "torch_tabular", "torch_image", "torch_sequence", "torch_text", "own"]


class Trainer(Part):
    """The algorithm, where it starts (``champion``: from the serving model's weights), and what it must beat.

    ``own`` is the ``TRAINER`` of the use case's ``model.py``. ``imbalance``: equal weight for every class, or
    equal numbers by leaving out rows of the larger ones (training part only). ``ensemble``: the average of champion and
    candidate is a further candidate.
    """

    name: TRAINERS
    parameters: dict[str, int | float | str] = {}
    tuning: Tuning = Tuning()
    baseline: Baseline = Baseline()
    start_from: Literal["scratch", "champion"] = "scratch"
    imbalance: Literal["none", "weights", "undersample"] = "none"
    ensemble: bool = False


TASK_METRICS: dict[str, tuple[str, ...]] = {
    "binary": ("roc_auc", "average_precision", "brier", "log_loss", "accuracy"),
    "multiclass": ("accuracy", "f1_macro", "roc_auc_ovr", "log_loss", "brier"),
    "regression": ("mae", "rmse", "r2", "median_absolute_error"),
    "forecasting": ("mae", "rmse", "r2", "median_absolute_error"),
    "clustering": ("silhouette",),
}
MetricName = Literal[
    "roc_auc", "average_precision", "brier", "log_loss", "accuracy", "f1_macro", "roc_auc_ovr", "mae", "rmse", "r2",
    "median_absolute_error", "silhouette",
]  # fmt: skip


class Metrics(Part):
    primary: MetricName
    secondary: list[MetricName] = []


class Criterion(Part):
    """An absolute limit; ``bound`` says whether the value or a confidence bound must meet it."""

    metric: MetricName
    at_least: float | None = None
    at_most: float | None = None
    bound: Literal["value", "lower", "upper"] = "value"

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"acceptance of {self.metric}: give exactly one of at_least, at_most")
        return self


class Slices(Part):
    columns: list[Name] = []
    margin: float = Field(default=0.02, ge=0)
    min_rows: int = Field(default=300, ge=2)


class Comparison(Part):
    min_gain: float = Field(ge=0)
    forgetting_margin: float = Field(ge=0)
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

    @model_validator(mode="after")
    def _of_groups(self) -> Self:
        if self.limits and not self.groups:
            raise ValueError("fairness.limits need fairness.groups: the columns that hold the groups")
        return self


class Invariance(Part):
    """Another value of ``feature`` must not matter: one of ``values``, or ``noise`` standard deviations more.

    ``share`` of the rows must change by ``max_change`` at most, in units of the answer.
    """

    feature: Name
    values: list[float | str] = []
    noise: float | None = Field(default=None, gt=0)
    max_change: float = Field(ge=0)
    share: Share = 0.99

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.values) == (self.noise is not None):
            raise ValueError(f"invariance of {self.feature}: give values or noise")
        return self


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
    predicted: Annotated[str, BeforeValidator(str)] | None = None
    share: Share = 0.9


class Behaviour(Part):
    """Tests that every candidate must pass before it is registered.

    ``stability``: largest change of an answer when every number is one float32 step larger (0: not tested).
    ``max_row_ms``: one row in ONNX Runtime on one thread.
    """

    invariance: list[Invariance] = []
    direction: list[Direction] = []
    minimum_functionality: list[MinimumFunctionality] = []
    stability: float = Field(default=0.01, ge=0)
    max_bytes: int | None = Field(default=None, ge=1)
    max_row_ms: float | None = Field(default=None, gt=0)
    beats_baseline: bool = True


class Labelling(Part):
    """Rows to offer for labelling: where the champion is least sure (``entropy``, ``margin``), or the models differ."""

    strategy: Literal["entropy", "margin", "disagreement"] = "entropy"
    rows: int = Field(default=20, ge=1, le=500)


class Card(Part):
    """What only people can say of a model: for its model card."""

    intended_use: str = ""
    not_for: list[str] = []
    ethics: str = ""


class Approval(Part):
    first_release: Literal["policy", "human"]
    retrain: Literal["policy", "human"]


class Abort(Part):
    max_error_rate: Share
    max_p99_ms: float = Field(gt=0)
    max_prediction_shift: float = Field(ge=0)  # of the mean answer: a probability, or in units of the label


class Rollout(Part):
    strategy: Literal["blue_green", "canary"]
    steps: list[Annotated[float, Field(gt=0, lt=1)]]
    bake_seconds: float = Field(ge=0)
    max_wait_seconds: float = Field(gt=0)
    min_requests: int = Field(ge=1)
    abort: Abort
    parity_bound: float = Field(gt=0)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.steps != sorted(set(self.steps)) or (self.strategy == "canary" and not self.steps):
            raise ValueError(f"rollout steps {self.steps} must rise, and a canary needs one at least")
        return self


class Windows(Part):
    breached: int = Field(ge=1)
    of: int = Field(ge=1)


class Monitoring(Part):
    drift_threshold: float = Field(gt=0)
    drift_features: int = Field(ge=1)
    performance_loss: float = Field(gt=0)
    windows: Windows


class Retrain(Part):
    window: Annotated[str, Field(pattern=r"^(all|last:[1-9][0-9]*)$")]
    cooldown_periods: int = Field(ge=0)
    budget_per_year: int = Field(ge=0)


class Retention(Part):
    """How long things are kept; what is pinned or a registered model was trained on is never expired."""

    predictions_periods: int = Field(ge=1)
    snapshots_days: int = Field(default=365, ge=1)


class ColumnPrivacy(Part):
    """The privacy class of a column name, the same in every table, and what ingestion does to its values.

    ``keep_last``: characters that ``mask`` leaves; ``step``: what ``generalise`` rounds down to (a number, or
    ``month``/``year`` for a time).
    """

    level: Literal["public", "internal", "personal"] = Field(alias="class")
    treatment: Literal["keep", "pseudonymise", "mask", "generalise", "drop"] = "keep"
    keep_last: int = Field(default=0, ge=0)
    step: float | Literal["month", "year"] | None = None

    @model_validator(mode="after")
    def _treated(self) -> Self:
        if self.level == "personal" and self.treatment == "keep":
            raise ValueError("a personal column needs a treatment: pseudonymise, mask, generalise or drop")
        if (self.treatment == "generalise") != (self.step is not None):
            raise ValueError("'step' belongs to the treatment generalise, which needs it")
        return self


class Privacy(Part):
    """Privacy classes by column name; ``default`` is the class of every other column.

    ``subject`` is the entity whose data can be deleted on demand.
    """

    default: Literal["public", "internal"] = "internal"
    columns: dict[str, ColumnPrivacy] = {}
    subject: Name | None = None


class HandOver(Part):
    """What may leave the prod environment for dev: nothing, unless allowed.

    ``sample`` names the sources of which only a ``share`` goes, and the columns whose values decide which rows:
    equal values go together, so related rows of two sources do too. Other sources go whole.
    """

    allowed: bool = False
    share: Annotated[float, Field(gt=0, le=1)] = 0.1
    sample: dict[Name, Annotated[list[str], Field(min_length=1)]] = {}

    @model_validator(mode="after")
    def _sampled(self) -> Self:
        if self.allowed and self.share < 1 and not self.sample:
            raise ValueError(f"hand_over.share {self.share} needs hand_over.sample: which source, by which columns")
        return self


class UseCase(Part):
    """One ML problem with its data, model, criteria and policy."""

    name: Name
    title: str
    description: str
    owner: str
    task: Task
    periods: Periods
    event: Event
    sources: dict[Name, Source]
    entities: dict[Name, EntitySpec] = {}
    request: dict[Name, Literal["string", "float", "timestamp"]]
    feature_service: Name
    features: Annotated[list[Feature], AfterValidator(_one_by_one)] = Field(min_length=1)
    feature_views: dict[Name, ViewSpec] = {}
    split: Split
    trainer: Trainer
    metrics: Metrics
    acceptance: list[Criterion] = Field(min_length=1)
    comparison: Comparison
    fairness: Fairness = Fairness()
    behaviour: Behaviour = Behaviour()
    labelling: Labelling | None = None
    card: Card = Card()
    approval: Approval
    rollout: Rollout
    monitoring: Monitoring
    retrain: Retrain
    tables: dict[Name, TableSpec] = {}
    streams: dict[Name, StreamSpec] = {}
    privacy: Privacy = Privacy()
    hand_over: HandOver = HandOver()
    retention: Retention

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [f.name for f in self.features]
        if twice := {n for n in names if names.count(n) > 1}:
            raise ValueError(f"features {sorted(twice)} are listed twice")
        asked = {f.tensor or f.name for f in self.features if f.origin == "request"}
        if missing := sorted(asked - set(self.request)):
            raise ValueError(
                f"features {missing} come from the request, which does not have them: {sorted(self.request)}"
            )
        if missing := [e.key for e in self.entities.values() if e.key not in self.request]:
            raise ValueError(f"entity keys {missing} must be in the request: {sorted(self.request)}")
        if missing := [c for c in (self.event.id, self.event.time) if c not in self.request]:
            raise ValueError(f"answers meet the truth by {missing}, so clients must send it: {sorted(self.request)}")
        if missing := [v for v in self.views if v not in self.feature_views]:
            raise ValueError(
                f"features come from {missing}, which feature_views does not have: {sorted(self.feature_views)}"
            )
        if missing := [v.entity for v in self.feature_views.values() if v.entity not in self.entities]:
            raise ValueError(f"feature_views name the entities {missing}; there are {sorted(self.entities)}")
        if missing := [v for v in self.streams if v not in self.feature_views]:
            raise ValueError(f"streams keep the views {missing} current; there are {sorted(self.feature_views)}")
        if missing := [s.source for s in self.streams.values() if s.source not in self.sources]:
            raise ValueError(f"streams have events of {missing}; there are the sources {sorted(self.sources)}")
        for view, stream in self.streams.items():
            self._streamable(view, stream, self.sources[stream.source])
        self._treatable()
        if self.privacy.subject not in (None, *self.entities):
            raise ValueError(
                f"privacy.subject {self.privacy.subject!r} is none of the entities {sorted(self.entities)}"
            )
        self._check_hand_over()
        self._check_task()
        return self

    def _check_task(self) -> None:
        """What the task needs: a label or none, its classes, metrics that it has."""
        if (self.task == "clustering") != (self.event.label is None):
            raise ValueError(f"event.label = {self.event.label!r}: clustering has none, another task needs one")
        if (self.task == "multiclass") != (len(self.event.classes) > 2):
            raise ValueError(f"event.classes = {self.event.classes}: three or more are for multiclass, and only for it")
        used = [self.metrics.primary, *self.metrics.secondary, *(c.metric for c in self.acceptance)]
        if wrong := sorted(set(used) - set(TASK_METRICS[self.task])):
            raise ValueError(f"metrics {wrong} are not for {self.task}; it has {', '.join(TASK_METRICS[self.task])}")
        self._check_labelling()
        seasonal = self.trainer.baseline.feature
        if seasonal is not None and seasonal not in self.feature_names:
            raise ValueError(f"trainer.baseline.feature {seasonal!r} is none of the features {self.feature_names}")

    def _check_labelling(self) -> None:
        if self.labelling is None:
            return
        if self.task == "clustering":
            raise ValueError("labelling: a clustering has no labels to ask for; leave it out")
        if self.task in ("regression", "forecasting") and self.labelling.strategy != "disagreement":
            raise ValueError(
                f"labelling.strategy {self.labelling.strategy!r} is for classes; for numbers: disagreement"
            )

    def _treatable(self) -> None:
        """A treatment must find its column, and the model server must be able to repeat it."""
        treated = {name: rule for name, rule in self.privacy.columns.items() if rule.treatment != "keep"}
        delivered = {name: kind for source in self.sources.values() for name, kind in source.columns.items()}
        if missing := sorted(set(treated) - set(delivered)):
            raise ValueError(
                f"privacy.columns treats {missing}, which no source delivers; they have {sorted(delivered)}"
            )
        text = sorted(
            n for n, r in treated.items() if r.treatment in ("pseudonymise", "mask") and delivered[n] != "string"
        )
        if text:
            raise ValueError(f"privacy.columns {text} must be of type string in their source to be hidden like that")
        asked = sorted(n for n, r in treated.items() if n in self.request and r.treatment != "pseudonymise")
        if asked:
            raise ValueError(f"clients send {asked}: of the treatments the model server can only pseudonymise")

    @property
    def pseudonymised(self) -> list[str]:
        """Columns whose clear values are replaced by tokens, sorted."""
        return sorted(n for n, rule in self.privacy.columns.items() if rule.treatment == "pseudonymise")

    def _check_hand_over(self) -> None:
        for source, columns in self.hand_over.sample.items():
            if source not in self.sources:
                raise ValueError(f"hand_over.sample names the source {source!r}; there are {sorted(self.sources)}")
            if missing := [c for c in columns if c not in self.sources[source].columns]:
                known = sorted(self.sources[source].columns)
                raise ValueError(f"hand_over.sample.{source} names the columns {missing}; it has {known}")

    def _streamable(self, view: str, stream: StreamSpec, source: Source) -> None:
        if source.time is None:
            raise ValueError(f"streams.{view}: its source {stream.source!r} needs a 'time' column")
        if missing := sorted({*stream.id, *stream.key} - set(source.columns)):
            raise ValueError(
                f"streams.{view}: id and key name {missing}; {stream.source!r} has {sorted(source.columns)}"
            )
        subject = self.entities[self.privacy.subject].key if self.privacy.subject in self.entities else None
        private = {name for name, rule in self.privacy.columns.items() if rule.treatment != "keep"} | {subject}
        if hidden := sorted(column for column in source.columns if column in private):
            raise ValueError(
                f"streams.{view}: {stream.source!r} has {hidden}, which privacy treats or which name a subject; events "
                "lie on the stream in clear, so such a source cannot be streamed"
            )

    @property
    def views(self) -> list[str]:
        """Names of the feature views, in order of first use."""
        return list(dict.fromkeys(f.origin for f in self.features if f.origin not in ("request", "on_request")))

    @property
    def feature_names(self) -> list[str]:
        return [f.name for f in self.features]

    @property
    def inputs(self) -> dict[str, list[str]]:
        """What a client sends: request field → the columns that hold it (several for a tensor)."""
        tensors: dict[str, list[str]] = {}
        for feature in self.features:
            if feature.tensor and feature.origin == "request":
                tensors.setdefault(feature.tensor, []).append(feature.name)
        return {name: tensors.get(name, [name]) for name in self.request}

    @property
    def fields(self) -> dict[str, str]:
        """Column → kind of everything that a client sends."""
        return {column: self.request[name] for name, columns in self.inputs.items() for column in columns}

    @property
    def last_run(self) -> datetime:
        """When the pipeline of the last month is due, at the latest."""
        return Period(key=self.periods.last).shift(1).end

    @property
    def directory(self) -> Path:
        return USECASES / self.name


def _advice(error: Any, path: Path) -> str:
    key = ".".join(map(str, error["loc"])) or "(whole file)"
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown key '{key}'; allowed here: {', '.join(_allowed(error['loc'][:-1]))}"
    return f"{path}: '{key}' = {error['input']!r}: {error['msg']}"


def _allowed(loc: tuple[Any, ...]) -> list[str]:
    """Keys that the part of the spec at ``loc`` knows."""
    part: type[Part] = UseCase
    for step in loc:
        if step in part.model_fields:  # an index into a list, or the name in a mapping, leads to the same part
            inside = _inside(part.model_fields[step].annotation)
            part = next((a for a in inside if isinstance(a, type) and issubclass(a, Part)), part)
    return [f.alias or n for n, f in part.model_fields.items()]


def _inside(annotation: Any) -> list[Any]:
    arguments = getattr(annotation, "__args__", ())
    return [annotation, *(inner for a in arguments for inner in _inside(a))]


def parse_usecase(path: Path) -> UseCase:
    """Read one spec.

    Raises
    ------
    SpecError
        the file is missing, not YAML, or has an unknown key or an impossible value; the message
        names file, key and what is allowed.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise SpecError(f"{path}: cannot be read as YAML: {error}") from error
    try:
        spec = UseCase.model_validate(content)
    except ValidationError as error:
        raise SpecError("\n".join(_advice(e, path) for e in error.errors())) from error
    if spec.name != path.parent.name:
        raise SpecError(f"{path}: 'name' = {spec.name!r} must be the name of its directory, {path.parent.name!r}")
    return spec


@lru_cache
def load_usecase(name: str) -> UseCase:
    """The spec of the use case ``name``; raises SpecError when there is none."""
    path = USECASES / name / "usecase.yaml"
    if not path.is_file():
        raise SpecError(f"no use case {name!r}; there are: {', '.join(usecase_names())}")
    return parse_usecase(path)


def usecase_names() -> list[str]:
    """Every directory of ``include/usecases`` that has a spec, sorted."""
    return sorted(p.parent.name for p in USECASES.glob("*/usecase.yaml"))
