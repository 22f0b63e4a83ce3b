"""The use-case spec: the content of ``include/usecases/<name>/usecase.yaml``."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from include.contracts.period import Period
from include.specification import data, learning
from include.specification.packaging import AcceptanceTest, Packaging, Serving, unsendable
from include.specification.part import Name, Part
from include.specification.running import Approval, Monitoring, Retrain, Rollout
from include.specification.task import TASKS, Task

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
    request: dict[Name, Literal["string", "float", "timestamp"]]
    feature_service: Name
    features: Annotated[list[data.Feature], AfterValidator(data.one_by_one)] = Field(min_length=1)
    feature_views: dict[Name, data.ViewSpec] = {}
    split: learning.Split
    trainer: learning.Trainer
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

    def faults(self) -> Iterator[str]:
        names = [f.name for f in self.features]
        if twice := {n for n in names if names.count(n) > 1}:
            yield f"features {sorted(twice)} are listed twice"
        yield from self._reference_faults()
        for view, stream in self.streams.items():
            yield from self._stream_faults(view, stream, self.sources[stream.source])
        yield from self._scoring_faults()
        yield from self._treatment_faults()
        if (subject := self.privacy.subject) not in (None, *self.entities):
            yield f"privacy.subject {subject!r} is not an entity; the entities are {sorted(self.entities)}"
        yield from self._hand_over_faults()
        yield from self._task_faults()
        yield from self._rollout_faults()
        looked_up = [f.name for f in self.features if f.origin in self.views]
        yield from unsendable(self.user_acceptance, self.request, (self.event.id, self.event.time), looked_up)

    def _reference_faults(self) -> Iterator[str]:
        """What one part of the spec names must be in another."""
        asked = {f.tensor or f.name for f in self.features if f.origin == "request"}
        entities, sources = [v.entity for v in self.feature_views.values()], [s.source for s in self.streams.values()]
        for names, known, message in (
            (sorted(asked), self.request, "features {} come from the request, which does not have them: {}"),
            ([e.key for e in self.entities.values()], self.request, "entity keys {} must be in the request: {}"),
            ([self.event.id, self.event.time], self.request, "labels are joined by {}, so clients must send it: {}"),
            (self.views, self.feature_views, "features come from {}, which feature_views does not have: {}"),
            (entities, self.entities, "feature_views name the entities {}; there are {}"),
            ([*self.streams], self.feature_views, "streams keep the views {} current; there are {}"),
            (sources, self.sources, "streams have events of {}; there are the sources {}"),
        ):
            if missing := [name for name in names if name not in known]:
                yield message.format(missing, sorted(known))

    def _rollout_faults(self) -> Iterator[str]:
        sticky, measure = self.rollout.sticky_by, self.rollout.ab_test.measure
        if sticky not in (None, *self.request):
            yield f"rollout.sticky_by {sticky!r} is not one of the request fields {sorted(self.request)}"
        if self.rollout.strategy == "ab_test" and self.event.label is None:
            yield "rollout.strategy: an A/B test compares labelled rows, but a clustering has no labels"
        if measure and measure not in TASKS[self.task].ab_measures:
            yield f"rollout.ab_test.measure {measure!r} is not for {self.task}"

    def _task_faults(self) -> Iterator[str]:
        """What the task needs: a label or none, its classes, metrics that it has."""
        facts = TASKS[self.task]
        if facts.labelled != (self.event.label is not None):
            needed = "needs a label" if facts.labelled else "has no label"
            yield f"event.label = {self.event.label!r}: {self.task} {needed}"
        if facts.names_classes != (len(self.event.classes) > 2):
            needed = "needs three or more" if facts.names_classes else "has none"
            yield f"event.classes = {self.event.classes}: {self.task} {needed}"
        used = [*self.metrics.names, *(c.metric for c in self.acceptance)]
        if wrong := sorted(set(used) - set(facts.metrics)):
            yield f"metrics {wrong} are not for {self.task}; it has {', '.join(facts.metrics)}"
        yield from self._labelling_faults()
        seasonal = self.trainer.baseline.feature
        if seasonal is not None and seasonal not in self.feature_names:
            yield f"trainer.baseline.feature {seasonal!r} is not one of the features {self.feature_names}"

    def _labelling_faults(self) -> Iterator[str]:
        if self.labelling is None:
            return
        allowed, strategy = TASKS[self.task].labelling, self.labelling.strategy
        if not allowed:
            yield f"labelling: {self.task} has no labels to ask for; leave it out"
        if strategy not in allowed:
            yield f"labelling.strategy {strategy!r} is not for {self.task}; it has {', '.join(allowed)}"

    def _treatment_faults(self) -> Iterator[str]:
        """A treatment must find its column, and the model server must be able to repeat it."""
        treated = {name: rule for name, rule in self.privacy.columns.items() if rule.treatment != "keep"}
        delivered = {name: kind for source in self.sources.values() for name, kind in source.columns.items()}
        if missing := sorted(set(treated) - set(delivered)):
            yield f"privacy.columns treats {missing}, which no source delivers; they have {sorted(delivered)}"
        texts = {n for n, r in treated.items() if r.treatment in ("pseudonymise", "mask")}
        if text := sorted(n for n in texts if delivered[n] != "string"):
            yield f"privacy.columns {text} must be of type string in their source for this treatment"
        if asked := sorted(n for n, r in treated.items() if n in self.request and r.treatment != "pseudonymise"):
            yield f"clients send {asked}: the model server can only pseudonymise request fields"

    @property
    def pseudonymised(self) -> list[str]:
        """Columns whose clear values are replaced by tokens, sorted."""
        return sorted(n for n, rule in self.privacy.columns.items() if rule.treatment == "pseudonymise")

    def _hand_over_faults(self) -> Iterator[str]:
        for source, columns in self.hand_over.sample.items():
            if source not in self.sources:
                yield f"hand_over.sample names the source {source!r}; there are {sorted(self.sources)}"
            if missing := [c for c in columns if c not in self.sources[source].columns]:
                known = sorted(self.sources[source].columns)
                yield f"hand_over.sample.{source} names the columns {missing}; it has {known}"

    def _stream_faults(self, view: str, stream: data.StreamSpec, source: data.Source) -> Iterator[str]:
        if source.time is None:
            yield f"streams.{view}: its source {stream.source!r} needs a 'time' column"
        if missing := sorted({*stream.id, *stream.key} - set(source.columns)):
            yield f"streams.{view}: id and key name {missing}; {stream.source!r} has {sorted(source.columns)}"
        if hidden := sorted(self._private & set(source.columns)):
            yield (
                f"streams.{view}: {stream.source!r} has {hidden}, which privacy treats or which name a subject; a "
                "stream stores events in clear, so such a source cannot be streamed"
            )

    def _scoring_faults(self) -> Iterator[str]:
        if self.scoring is None:
            return
        if self.scoring.stream in self.feature_views:
            yield f"scoring.stream {self.scoring.stream!r} is the name of a feature view; take another"
        if hidden := sorted(self._private & set(self.request)):
            yield (
                f"scoring.stream: requests hold {hidden}, which privacy treats or which name a subject; a stream "
                "stores events in clear, so such requests cannot be streamed: send them to the server, or score in bulk"
            )

    @property
    def _private(self) -> set[str]:
        """Columns that privacy treats, and the one that names a subject."""
        subject = {self.entities[self.privacy.subject].key} if self.privacy.subject in self.entities else set()
        return {name for name, rule in self.privacy.columns.items() if rule.treatment != "keep"} | subject

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
    def last_run(self) -> datetime:
        """When the pipeline of the last month is due, at the latest."""
        return Period(self.periods.last).shift(1).end

    @property
    def directory(self) -> Path:
        return USECASES / self.name
