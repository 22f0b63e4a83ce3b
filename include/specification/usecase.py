"""The use-case spec: the content of ``include/usecases/<name>/usecase.yaml``."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from include.contracts.period import Period
from include.specification import data, learning
from include.specification.packaging import AcceptanceTest, Packaging, Serving, check_user_acceptance
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

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [f.name for f in self.features]
        if twice := {n for n in names if names.count(n) > 1}:
            raise ValueError(f"features {sorted(twice)} are listed twice")
        self._check_references()
        for view, stream in self.streams.items():
            self._streamable(view, stream, self.sources[stream.source])
        self._check_scoring()
        self._treatable()
        if self.privacy.subject not in (None, *self.entities):
            raise ValueError(
                f"privacy.subject {self.privacy.subject!r} is not an entity; the entities are {sorted(self.entities)}"
            )
        self._check_hand_over()
        self._check_task()
        self._check_rollout()
        looked_up = [f.name for f in self.features if f.origin in self.views]
        check_user_acceptance(self.user_acceptance, self.request, (self.event.id, self.event.time), looked_up)
        return self

    def _check_references(self) -> None:
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
                raise ValueError(message.format(missing, sorted(known)))

    def _check_rollout(self) -> None:
        sticky, measure = self.rollout.sticky_by, self.rollout.ab_test.measure
        if sticky not in (None, *self.request):
            raise ValueError(f"rollout.sticky_by {sticky!r} is not one of the request fields {sorted(self.request)}")
        if self.rollout.strategy == "ab_test" and self.event.label is None:
            raise ValueError("rollout.strategy: an A/B test compares labelled rows, but a clustering has no labels")
        if measure and measure not in TASKS[self.task].ab_measures:
            raise ValueError(f"rollout.ab_test.measure {measure!r} is not for {self.task}")

    def _check_task(self) -> None:
        """What the task needs: a label or none, its classes, metrics that it has."""
        facts = TASKS[self.task]
        if facts.labelled != (self.event.label is not None):
            needed = "needs a label" if facts.labelled else "has no label"
            raise ValueError(f"event.label = {self.event.label!r}: {self.task} {needed}")
        if facts.names_classes != (len(self.event.classes) > 2):
            needed = "needs three or more" if facts.names_classes else "has none"
            raise ValueError(f"event.classes = {self.event.classes}: {self.task} {needed}")
        used = [*self.metrics.names, *(c.metric for c in self.acceptance)]
        if wrong := sorted(set(used) - set(facts.metrics)):
            raise ValueError(f"metrics {wrong} are not for {self.task}; it has {', '.join(facts.metrics)}")
        self._check_labelling()
        seasonal = self.trainer.baseline.feature
        if seasonal is not None and seasonal not in self.feature_names:
            raise ValueError(f"trainer.baseline.feature {seasonal!r} is not one of the features {self.feature_names}")

    def _check_labelling(self) -> None:
        if self.labelling is None:
            return
        if not (allowed := TASKS[self.task].labelling):
            raise ValueError(f"labelling: {self.task} has no labels to ask for; leave it out")
        if self.labelling.strategy not in allowed:
            raise ValueError(
                f"labelling.strategy {self.labelling.strategy!r} is not for {self.task}; it has {', '.join(allowed)}"
            )

    def _treatable(self) -> None:
        """A treatment must find its column, and the model server must be able to repeat it."""
        treated = {name: rule for name, rule in self.privacy.columns.items() if rule.treatment != "keep"}
        delivered = {name: kind for source in self.sources.values() for name, kind in source.columns.items()}
        if missing := sorted(set(treated) - set(delivered)):
            raise ValueError(
                f"privacy.columns treats {missing}, which no source delivers; they have {sorted(delivered)}"
            )
        texts = {n for n, r in treated.items() if r.treatment in ("pseudonymise", "mask")}
        if text := sorted(n for n in texts if delivered[n] != "string"):
            raise ValueError(f"privacy.columns {text} must be of type string in their source for this treatment")
        if asked := sorted(n for n, r in treated.items() if n in self.request and r.treatment != "pseudonymise"):
            raise ValueError(f"clients send {asked}: the model server can only pseudonymise request fields")

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

    def _streamable(self, view: str, stream: data.StreamSpec, source: data.Source) -> None:
        if source.time is None:
            raise ValueError(f"streams.{view}: its source {stream.source!r} needs a 'time' column")
        if missing := sorted({*stream.id, *stream.key} - set(source.columns)):
            raise ValueError(
                f"streams.{view}: id and key name {missing}; {stream.source!r} has {sorted(source.columns)}"
            )
        if hidden := sorted(self._private & set(source.columns)):
            raise ValueError(
                f"streams.{view}: {stream.source!r} has {hidden}, which privacy treats or which name a subject; a "
                "stream stores events in clear, so such a source cannot be streamed"
            )

    def _check_scoring(self) -> None:
        if self.scoring is None:
            return
        if self.scoring.stream in self.feature_views:
            raise ValueError(f"scoring.stream {self.scoring.stream!r} is the name of a feature view; take another")
        if hidden := sorted(self._private & set(self.request)):
            raise ValueError(
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
