"""What a use case declares: the keys of ``usecase.yaml``, before they are held against each other."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from include.contracts.calendar import Calendar
from include.contracts.period import Period
from include.specification import data, learning
from include.specification.approving import Approval
from include.specification.compliance import Compliance
from include.specification.packaging import AcceptanceTest, Packaging, Serving
from include.specification.part import Name, Part
from include.specification.running import Monitoring, Retirement, Retrain, Rollout
from include.specification.task import Task


class Declaration(Part):
    """The keys of ``usecase.yaml`` and what follows from each."""

    name: Name
    title: str
    description: str
    owner: str
    task: Task
    periods: data.Periods
    event: data.Event
    sources: dict[Name, data.Source]
    entities: dict[Name, data.EntitySpec] = {}
    request: dict[Name, Literal["string", "float", "double", "timestamp"]]
    feature_service: Name
    features: Annotated[list[data.Feature], AfterValidator(data.one_by_one)] = Field(min_length=1)
    feature_views: dict[Name, data.ViewSpec] = {}
    split: learning.Split
    trainer: learning.Trainer
    training: learning.Training = learning.Training()
    guard: learning.Guard = learning.Guard()
    metrics: learning.Metrics
    acceptance: list[learning.Criterion] = Field(min_length=1)
    comparison: learning.Comparison
    fairness: learning.Fairness = learning.Fairness()
    behaviour: learning.Behaviour = learning.Behaviour()
    labelling: learning.Labelling | None = None
    card: learning.Card = learning.Card()
    approval: Approval
    rollout: Rollout
    packaging: Packaging = Packaging()
    serving: Serving = Serving()
    user_acceptance: list[AcceptanceTest] = []
    monitoring: Monitoring
    retrain: Retrain
    tables: dict[Name, data.TableSpec] = {}
    streams: dict[Name, data.StreamSpec] = {}
    scoring: data.ScoringSpec | None = None
    privacy: data.Privacy = data.Privacy()
    hand_over: data.HandOver = data.HandOver()
    retention: data.Retention
    retirement: Retirement = Retirement()
    compliance: Compliance | None = None

    @model_validator(mode="before")
    @classmethod
    def _local_sources(cls, given: Any) -> Any:
        """A source without a time zone is in that of the periods."""
        match given:
            case {"periods": {"timezone": str(zone)}, "sources": dict(sources)}:
                local = {n: {"timezone": zone, **s} if isinstance(s, dict) else s for n, s in sources.items()}
                return {**given, "sources": local}
        return given

    @property
    def guarded(self) -> bool:
        """Whether the input guard looks at each period before it trains or tests."""
        return self.calendar.every != "hour" if self.guard.enabled is None else self.guard.enabled

    @property
    def refits(self) -> bool:
        """Whether a candidate that is taken is fitted once more, with the rows that proved it."""
        return (self.training.refit or ("after_proof" if self.split.by == "time" else "never")) == "after_proof"

    @property
    def pseudonymised(self) -> list[str]:
        """Columns whose clear values are replaced by tokens, sorted."""
        return sorted(n for n, rule in self.privacy.columns.items() if rule.treatment == "pseudonymise")

    @property
    def answer_keys(self) -> list[str]:
        """What answers are found by: the id of a request, that of an event, the keys of entities."""
        keys = ["request_id", self.event.id, *(entity.key for entity in self.entities.values())]
        return list(dict.fromkeys(keys))

    @property
    def event_streams(self) -> list[str]:
        """Names of everything that comes as events: streams of feature views, and the one of requests."""
        return [*self.streams, *([self.scoring.stream] if self.scoring else [])]

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
    def float32_features(self) -> set[str]:
        """The features that a client sends as float32."""
        return {name for name in self.feature_names if self.fields.get(name) == "float"}

    def periods_to_test(self, newest: Period, after: Period | None = None) -> list[Period]:
        """The periods of ``split.test`` that end with the newest; only those later than ``after`` where there are."""
        window = self.calendar.last(self.split.test, newest)
        return [period for period in window if after is None or period > after] or window

    @property
    def fewest_to_train(self) -> list[Period]:
        """From the first period on, as few as a first training may do with; more where rows or labels are scarce.

        By time some test, and what learns is longer than what of it validates. By a rule two share everything.
        """
        first, calendar = self.periods.first, self.calendar
        if self.split.by != "time":
            return [first, first.shift(1)]
        zone = calendar.timezone
        last = calendar.of(self.split.validation.after(calendar.start(first), zone)).shift(1)
        if self.split.test:  # about where it ends: months are of different lengths
            last = max(last, calendar.of(self.split.test.after(calendar.start(last), zone)).shift(-1))
        while not self._teaches(last):
            last = last.shift(1)
        while self._teaches(last.shift(-1)):
            last = last.shift(-1)
        return Period.between(first, last)

    def _teaches(self, last: Period) -> bool:
        """Whether something is left to learn from, by time, before what validates and tests, when this one is last."""
        first, calendar = self.periods.first, self.calendar
        test = calendar.first_of_last(self.split.test, last)
        learns_until = self.split.validation.before(calendar.start(test), calendar.timezone)
        return test > first and learns_until > calendar.start(first)

    def mostly_due(self, period: Period, now: datetime) -> bool:
        """Whether the labels of at least half of the period's time are due at an aware moment."""
        due = self.event.label_delay.before(now, self.calendar.timezone)
        return due - self.calendar.start(period) >= self.calendar.end(period) - due

    def learned_from(self, train_to: Period) -> Period:
        """The first period that ``retrain.window`` learns from, when the last is ``train_to``."""
        if self.retrain.window == "all":
            return self.periods.first
        return max(self.periods.first, self.calendar.first_of_last(self.retrain.window, train_to))

    @property
    def times(self) -> dict[str, float]:
        """Bounds of event times, for ``request_rules.Times``: a year before the first period, and the lead."""
        first = self.calendar.start(self.periods.first) - timedelta(days=366)
        return {"first": first.timestamp(), "lead_hours": self.event.lead.longest}

    def may_be_missing(self, incomplete: Collection[str]) -> list[str]:
        """Request fields that may be missing when these columns lack values in the training data.

        A key of an entity that is no feature may be: it leads nowhere, as an unknown one does.
        """
        by_data = {name for name, columns in self.inputs.items() if set(columns) & set(incomplete)}
        by_data |= {entity.key for entity in self.entities.values()} - set(self.feature_names)
        allowed = {name: rule == "allowed" for name, rule in self.serving.missing.items()}
        fields = (name for name in self.request if name not in (self.event.id, self.event.time))
        return [name for name in fields if allowed.get(name, name in by_data)]

    @property
    def calendar(self) -> Calendar:
        """By which rows are cut into periods."""
        return self.periods.calendar

    @property
    def last_run(self) -> datetime | None:
        """When the pipeline of the last period is due, at the latest; None when there is no last one."""
        last = self.periods.last
        return None if last is None else self.calendar.end(last.shift(1))
