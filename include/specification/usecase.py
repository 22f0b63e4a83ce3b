"""The use-case spec: the content of ``include/usecases/<name>/usecase.yaml``."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from include.contracts.calendar import Calendar, Span
from include.contracts.period import Period
from include.specification import data, learning
from include.specification.approving import Approval
from include.specification.compliance import Compliance
from include.specification.names import name_faults
from include.specification.packaging import AcceptanceTest, Packaging, Serving, unsendable
from include.specification.part import Fault, Name, Part
from include.specification.running import Monitoring, Retirement, Retrain, Rollout
from include.specification.slicing import slice_columns, slice_faults
from include.specification.streams import freshness_faults, private_columns, stream_faults
from include.specification.task import TASKS, Task
from include.specification.trainers import ESTIMATORS, TRAINERS
from include.specification.wording import not_among

USECASES = Path(__file__).resolve().parents[1] / "usecases"


class UseCase(Part):
    """One ML problem with its data, model, criteria and policy."""

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

    def faults(self) -> Iterator[Fault]:
        names = [f.name for f in self.features]
        if twice := {n for n in names if names.count(n) > 1}:
            yield Fault("features", f"{sorted(twice)} are listed twice")
        yield from name_faults(self)
        yield from self._calendar_faults()
        yield from self._reference_faults()
        yield from self._column_faults()
        yield from self._leakage_faults()
        yield from freshness_faults(self)
        yield from stream_faults(self)
        yield from self._scoring_faults()
        yield from self._treatment_faults()
        yield from self._hand_over_faults()
        yield from self._task_faults()
        yield from self._trainer_faults()
        yield from self._window_faults()
        yield from self._guard_faults()
        yield from self._rollout_faults()
        yield from self._missing_faults()
        yield from slice_faults(self)
        looked_up = [f.name for f in self.features if f.origin in self.views]
        yield from unsendable(self.user_acceptance, self.request, (self.event.id, self.event.time), looked_up)

    def _calendar_faults(self) -> Iterator[Fault]:
        """Sources by a local clock, and nobody said by which clock their rows are cut into periods."""
        zones = sorted({s.timezone for s in self.sources.values() if s.time and s.timezone != "UTC"})
        if zones and self.periods.timezone is None and self.calendar.every != "hour":
            yield Fault("periods.timezone", f"the sources are local to {zones}; name one, or UTC, to cut periods by")

    def _reference_faults(self) -> Iterator[Fault]:
        """What one part of the spec names must be in another."""
        request = "a request field"
        for place, feature in enumerate(self.features):
            if feature.origin == "request" and (name := feature.tensor or feature.name) not in self.request:
                yield Fault(f"features.{place}", not_among(name, sorted(self.request), request))
            elif feature.origin in self.views and feature.origin not in self.feature_views:
                known = ["request", "on_request", *sorted(self.feature_views)]
                yield Fault(f"features.{place}.from", not_among(feature.origin, known, "one of feature_views"))
        for name, entity in self.entities.items():
            if entity.key not in self.request:
                yield Fault(f"entities.{name}.key", not_among(entity.key, sorted(self.request), request))
        yield from self._key_faults()
        for key, field in (("event.id", self.event.id), ("event.time", self.event.time)):
            if field not in self.request:
                text = f"{not_among(field, sorted(self.request), request)}; labels are joined by it, so clients send it"
                yield Fault(key, text)
        if self.comparison.block not in (None, *(blocks := ["day", "hour", "row", *sorted(self.entities)])):
            yield Fault("comparison.block", not_among(str(self.comparison.block), blocks, "a block"))
        for name, view in self.feature_views.items():
            if view.entity not in self.entities:
                yield Fault(f"feature_views.{name}.entity", not_among(view.entity, sorted(self.entities), "an entity"))

    def _key_faults(self) -> Iterator[Fault]:
        """Text alone holds every key exactly: float32 takes 16777217 for 16777216."""
        for name, entity in self.entities.items():
            if (kind := self.request.get(entity.key, "string")) != "string":
                yield Fault(
                    f"entities.{name}.key",
                    f"{entity.key} is sent as {kind}, which cannot hold every key exactly; write request.{entity.key}: "
                    "string, and send a whole number as text in digits",
                )

    def _column_faults(self) -> Iterator[Fault]:
        """Tests and slices name features, or columns that an event may have."""
        known = list(dict.fromkeys(feature.tensor or feature.name for feature in self.features))
        tests = {f"behaviour.invariance.{n}": test.feature for n, test in enumerate(self.behaviour.invariance)}
        tests |= {f"behaviour.direction.{n}": test.feature for n, test in enumerate(self.behaviour.direction)}
        for key, name in tests.items():
            if name not in [*self.feature_names, *known]:
                yield Fault(f"{key}.feature", not_among(name, known, "a feature"))
        if "events" not in self.tables or not self.tables["events"].columns:
            return
        columns = [*self.tables["events"].columns, *self.feature_names, *self.fields]
        asked = {
            "comparison.slices.columns": self.comparison.slices.columns,
            "fairness.groups": self.fairness.groups,
            "split.group": [self.split.group] if self.split.group else [],
        }
        for key, named in asked.items():
            for name in named:
                if name not in columns:
                    yield Fault(key, not_among(name, sorted({*columns}), "a column of events, nor a feature"))

    def _leakage_faults(self) -> Iterator[Fault]:
        """The label is known after the prediction: it is no input, and clients do not send it."""
        for key, name in (("event.label", self.event.label), ("event.label_time", self.event.label_time)):
            inputs = {f"request.{field}": field for field in self.request}
            inputs |= {f"features.{place}.name": feature for place, feature in enumerate(self.feature_names)}
            for place, other in inputs.items():
                if name is not None and other == name:
                    yield Fault(place, f"{other!r} is {key}, which is known only after the prediction; leave it out")

    def _rollout_faults(self) -> Iterator[Fault]:
        sticky, measure = self.rollout.sticky_by, self.rollout.ab_test.measure
        if sticky not in (None, *self.request):
            yield Fault("rollout.sticky_by", not_among(str(sticky), sorted(self.request), "a request field"))
        if self.rollout.strategy == "ab_test" and self.event.label is None:
            yield Fault("rollout.strategy", "an A/B test compares labelled rows, but a clustering has no labels")
        if measure and measure not in TASKS[self.task].ab_measures:
            yield Fault("rollout.ab_test.measure", not_among(measure, TASKS[self.task].ab_measures, self._of_task))

    def _missing_faults(self) -> Iterator[Fault]:
        for name, rule in self.serving.missing.items():
            if name not in self.request:
                yield Fault("serving.missing", not_among(name, self.request, "a request field"))
            elif rule == "allowed" and name in (self.event.id, self.event.time):
                why = "every prediction is found again by the event's id and time"
                yield Fault(f"serving.missing.{name}", f"'allowed': {why}; write 'refused', or leave it out")

    @property
    def _of_task(self) -> str:
        return f"one of {self.task}"

    def _task_faults(self) -> Iterator[Fault]:
        """What the task needs: a label or none, its classes, metrics that it has."""
        facts = TASKS[self.task]
        if facts.labelled != (self.event.label is not None):
            needed = "needs a label" if facts.labelled else "has no label"
            yield Fault("event.label", f"{self.event.label!r}: {self.task} {needed}")
        if facts.names_classes != (len(self.event.classes) > 2):
            needed = "needs three or more" if facts.names_classes else "has none"
            yield Fault("event.classes", f"{self.event.classes}: {self.task} {needed}")
        used = {"metrics.primary": self.metrics.primary}
        used |= {f"metrics.secondary.{place}": name for place, name in enumerate(self.metrics.secondary)}
        used |= {f"acceptance.{place}.metric": criterion.metric for place, criterion in enumerate(self.acceptance)}
        for key, metric in used.items():
            if metric not in facts.metrics:
                yield Fault(key, not_among(metric, facts.metrics, f"a metric of {self.task}"))
        yield from self._weight_faults()
        yield from self._labelling_faults()
        seasonal = self.trainer.baseline.feature
        if seasonal is not None and seasonal not in self.feature_names:
            yield Fault("trainer.baseline.feature", not_among(seasonal, self.feature_names, "a feature"))

    @property
    def guarded(self) -> bool:
        """Whether the input guard looks at each period before it trains or tests."""
        return self.calendar.every != "hour" if self.guard.enabled is None else self.guard.enabled

    @property
    def refits(self) -> bool:
        """Whether a candidate that is taken is fitted once more, with the rows that proved it."""
        return (self.training.refit or ("after_proof" if self.split.by == "time" else "never")) == "after_proof"

    def _weight_faults(self) -> Iterator[Fault]:
        """A weight is of something that each evaluation measures; the primary metric is what it is converted to."""
        weighed = [name for name in self.metrics.secondary if name != self.metrics.primary]
        allowed = [*weighed, *(["calibration"] if TASKS[self.task].probabilities else [])]
        for name in self.comparison.weights:
            if name not in allowed:
                yield Fault(f"comparison.weights.{name}", not_among(name, allowed, "a metric of metrics.secondary"))

    def _trainer_faults(self) -> Iterator[Fault]:
        """The trainer can learn the task, and read the inputs."""
        if self.training.refit == "after_proof" and self.split.by != "time":
            text = f"'after_proof': a split by {self.split.by} has no newest rows to learn from; leave it out"
            yield Fault("training.refit", text)
        name, predicts = self.trainer.name, TASKS[self.task].predicts
        if (facts := TRAINERS.get(name)) is None:
            return
        if predicts not in facts.predicts:
            able = [trainer for trainer, other in TRAINERS.items() if predicts in other.predicts]
            yield Fault("trainer.name", not_among(name, [*able, "own"], f"a trainer that can do {self.task}"))
        estimator = str(self.trainer.parameters.get("estimator", "auto"))
        if name == "sklearn" and predicts not in ESTIMATORS.get(estimator, {predicts}):
            able = ["auto", *(other for other, kinds in ESTIMATORS.items() if predicts in kinds)]
            key = "trainer.parameters.estimator"
            yield Fault(key, not_among(estimator, able, f"an estimator that can do {self.task}"))
        yield from self._input_faults(name)

    def _window_faults(self) -> Iterator[Fault]:
        """By time the last part of what is learned from validates: something must be left to train on."""
        window, validation = self.retrain.window, self.split.validation
        if self.split.by != "time" or window == "all":
            return
        learned = max(window.hours, Span(f"1 {self.calendar.every}").hours)  # at least one period
        if learned <= validation.hours:
            text = f"{window} is not longer than split.validation = {validation}: all of it would validate, none train"
            yield Fault("retrain.window", text)

    def _guard_faults(self) -> Iterator[Fault]:
        for period in self.guard.accept:
            if period.every != self.calendar.every:
                yield Fault(f"guard.accept.{period}", f"is no {self.calendar.every}, the rhythm of this use case")

    def _input_faults(self, trainer: str) -> Iterator[Fault]:
        texts = [feature.name for feature in self.features if feature.kind == "text"]
        ranks = {feature.tensor: len(feature.shape) for feature in self.features if feature.tensor}
        images, series = ([name for name, rank in ranks.items() if rank == wanted] for wanted in (2, 1))
        if trainer == "sklearn" and texts:
            text = f"sklearn reads numbers and categories, {texts} are text; use torch_text or torch_tabular"
            yield Fault("trainer.name", text)
        known = {**TRAINERS[trainer].defaults, **self.trainer.parameters}
        if trainer == "torch_text" and int(known["width"]) % int(known["heads"]):
            text = f"{known['heads']} heads cannot share width {known['width']}; the width must be a multiple of them"
            yield Fault("trainer.parameters.heads", text)
        if trainer == "torch_text" and len(texts) != 1:
            yield Fault("trainer.name", f"torch_text needs one text feature; there are {texts}")
        if trainer == "torch_image" and len(images) != 1:
            text = f"torch_image needs one numeric feature with a shape like [8, 8]; there are {images}"
            yield Fault("trainer.name", text)
        if trainer == "torch_sequence" and not series:
            text = "torch_sequence needs a numeric feature with a shape like [24]; there is none"
            yield Fault("trainer.name", text)

    def _labelling_faults(self) -> Iterator[Fault]:
        if self.labelling is None:
            return
        allowed, strategy = TASKS[self.task].labelling, self.labelling.strategy
        if not allowed:
            yield Fault("labelling", f"{self.task} has no labels to ask for; leave it out")
        elif strategy not in allowed:
            yield Fault("labelling.strategy", not_among(strategy, allowed, f"a strategy of {self.task}"))

    def _treatment_faults(self) -> Iterator[Fault]:
        """A treatment must find its column, suit its type, and the model server must be able to repeat it."""
        for name, rule in self.privacy.columns.items():
            key = f"privacy.columns.{name}"
            if rule.treatment == "keep":
                continue
            delivered = {table: source for table, source in self.sources.items() if name in source.columns}
            if not delivered:
                known = sorted({column for source in self.sources.values() for column in source.columns})
                yield Fault(key, not_among(name, known, "a column of a source"))
            for table, source in delivered.items():
                kind = source.columns[name]
                if text := rule.type_fault(kind):
                    yield Fault(f"{key}.treatment", f"{text}; {name} of the source {table} is of type {kind}")
                if name == source.time or (name in source.key and rule.treatment == "drop"):
                    what = "time" if name == source.time else "key"
                    text = f"{name} is the {what} of the source {table}, and no row is placed without it; leave it out"
                    yield Fault(f"{key}.treatment", f"{rule.treatment}: {text}")
            if rule.treatment != "pseudonymise" and name in self.request:
                text = f"clients send {name}: the model server can only pseudonymise request fields"
                yield Fault(f"{key}.treatment", text)
        yield from self._subject_faults()

    def _subject_faults(self) -> Iterator[Fault]:
        """What is stored of a subject must be found in any text, and nobody else's text be taken for it."""
        if (subject := self.privacy.subject) is None:
            return
        if subject not in self.entities:
            yield Fault("privacy.subject", not_among(subject, sorted(self.entities), "an entity"))
            return
        column = self.entities[subject].key
        rule = self.privacy.columns.get(column)
        if rule is None or rule.treatment != "pseudonymise":
            how = "kept in clear" if rule is None or rule.treatment == "keep" else f"treated by {rule.treatment}"
            yield Fault(
                "privacy.subject",
                f"{subject} is named by the column {column}, which is {how}, so its data looks like a word in other "
                f"people's texts; write privacy.columns.{column}: {{class: personal, treatment: pseudonymise}}",
            )

    @property
    def pseudonymised(self) -> list[str]:
        """Columns whose clear values are replaced by tokens, sorted."""
        return sorted(n for n, rule in self.privacy.columns.items() if rule.treatment == "pseudonymise")

    @property
    def answer_keys(self) -> list[str]:
        """What answers are found by: the id of a request, that of an event, the keys of entities."""
        keys = ["request_id", self.event.id, *(entity.key for entity in self.entities.values())]
        return list(dict.fromkeys(keys))

    def _hand_over_faults(self) -> Iterator[Fault]:
        for source, columns in self.hand_over.sample.items():
            key = f"hand_over.sample.{source}"
            if source not in self.sources:
                yield Fault(key, not_among(source, sorted(self.sources), "a source"))
                continue
            known = sorted(self.sources[source].columns)
            for name in columns:
                if name not in known:
                    yield Fault(key, not_among(name, known, f"a column of {source}"))

    def _scoring_faults(self) -> Iterator[Fault]:
        if self.scoring is None:
            return
        key = "scoring.stream"
        if self.scoring.stream in self.feature_views:
            yield Fault(key, f"{self.scoring.stream!r} is the name of a feature view; take another")
        if hidden := sorted(private_columns(self) & set(self.request)):
            yield Fault(
                key,
                f"requests hold {hidden}, which privacy treats or which name a subject; a stream "
                "stores events in clear, so such requests cannot be streamed: send them to the server or score in bulk",
            )

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
        test = calendar.of(self.split.validation.after(calendar.start(first), zone)).shift(1)
        last = test
        if self.split.test:
            last = max(test, calendar.of(self.split.test.after(calendar.start(test), zone)).shift(-1))
        return Period.between(first, last)

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
        return {"first": first.timestamp(), "lead_hours": self.event.lead.hours}

    def may_be_missing(self, incomplete: Collection[str]) -> list[str]:
        """Request fields that may be missing when these columns lack values in the training data.

        A key of an entity that is no feature may be: it leads nowhere, as an unknown one does.
        """
        by_data = {name for name, columns in self.inputs.items() if set(columns) & set(incomplete)}
        by_data |= {entity.key for entity in self.entities.values()} - set(self.feature_names)
        said = {name: rule == "allowed" for name, rule in self.serving.missing.items()}
        fields = (name for name in self.request if name not in (self.event.id, self.event.time))
        return [name for name in fields if said.get(name, name in by_data)]

    @property
    def monitored_slices(self) -> list[str]:
        """Columns by whose values monitoring slices its figures."""
        return slice_columns(self)

    @property
    def calendar(self) -> Calendar:
        """By which rows are cut into periods."""
        return self.periods.calendar

    @property
    def last_run(self) -> datetime | None:
        """When the pipeline of the last period is due, at the latest; None when there is no last one."""
        last = self.periods.last
        return None if last is None else self.calendar.end(last.shift(1))

    @property
    def directory(self) -> Path:
        return USECASES / self.name
