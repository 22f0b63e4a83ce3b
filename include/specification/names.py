"""Names of a use case that would collide: with columns and tables of the platform, or with each other."""

import re
from collections.abc import Iterator, Mapping

from include.contracts.deployment import BatchPrediction, LoggedPrediction
from include.contracts.names import OURS, RESERVED, column_faults, table_faults
from include.contracts.operations import GivenLabel
from include.specification.declaration import Declaration
from include.specification.part import Fault

AS_A_GATE = re.compile("_(raw|features)(_|$)")
"""Files of suites are called ``<use case>_<gate>_<table>``."""
IN_LOG = frozenset(LoggedPrediction.model_fields) - {*RESERVED}
"""Columns of the prediction log, beside request fields and features; labels are joined with them."""
IN_ANSWERS = frozenset({"fallback"})
"""Further outputs of the model server, beside its inputs."""
IN_VIEWS = frozenset({"event_timestamp", "created_timestamp"})
"""Columns of a feature view, beside its features and keys: since when a row is known."""
IN_BATCH = frozenset(BatchPrediction.model_fields) - IN_LOG - {*RESERVED}
"""Further columns of batch predictions, beside the event's id and time and the entity keys."""
IN_LABELS = frozenset(GivenLabel.model_fields) - IN_LOG - {*RESERVED}
"""Further columns of the labels that people give, beside the event's id and label."""


Places = Mapping[str, str]
"""Place in the spec → name of a column that stands there."""


def name_faults(spec: Declaration) -> Iterator[Fault]:
    """Everything that two parts of the spec, or the spec and the platform, would call alike."""
    if gate := AS_A_GATE.search(spec.name):
        text = f"{spec.name!r} has {gate[1]!r} behind an underscore, as files of suites have: <use case>_<gate>_<table>"
        yield Fault("name", f"{text}; take another name")
    event = {f"event.{part}": name for part, name in spec.event.columns.items()}
    inputs = {f"request.{name}": name for name in spec.request}
    features = {f"features.{place}.name": name for place, name in enumerate(feature.name for feature in spec.features)}
    keys = {f"entities.{name}.key": entity.key for name, entity in spec.entities.items()}
    asked = {place: event[place] for place in ("event.id", "event.time")}
    label = {place: event[place] for place in event if place == "event.label"}
    yield from _taken({**asked, **inputs, **features, **label}, IN_LOG, "of the prediction log")
    yield from _taken(inputs, IN_ANSWERS, "of answers")
    yield from _taken({**asked, **keys}, IN_BATCH, "of batch predictions")
    yield from _taken({"event.id": spec.event.id, **label}, IN_LABELS, "of labels that people give")
    for place, name in {**event, **inputs, **features, **keys, **_views(spec)}.items():
        yield from (Fault(place, f"{name!r} {why}") for _, why in column_faults([name]))
        if OURS in name.lstrip("_"):
            yield Fault(place, f"{name!r} has two underscores side by side, which join the parts of longer names")
    yield from _event_faults(event, features)
    yield from _feature_faults(spec)
    yield from _tensor_faults(spec)
    yield from _table_faults(spec)


def _taken(places: Places, columns: frozenset[str], which: str) -> Iterator[Fault]:
    for place, name in places.items():
        if name in columns:
            yield Fault(place, f"{name!r} is a column {which}; take another name")


def _views(spec: Declaration) -> Places:
    return {f"feature_views.{name}": name for name in spec.feature_views}


def _event_faults(event: Places, features: Places) -> Iterator[Fault]:
    """An event's columns differ, and its id and time are no inputs."""
    first: dict[str, str] = {}
    for place, name in event.items():
        if (other := first.setdefault(name, place)) != place:
            yield Fault(place, f"{name!r} is {other} too; they are two columns")
    for place, name in features.items():
        if name in (event["event.id"], event["event.time"]):
            yield Fault(place, f"{name!r} is {first[name]}; compute a feature of another name from it in on_request")


def _feature_faults(spec: Declaration) -> Iterator[Fault]:
    """What is looked up is not what clients send, nor what every view has."""
    sent = {column for columns in spec.inputs.values() for column in columns}
    for place, feature in enumerate(spec.features):
        if feature.origin not in spec.feature_views:
            continue
        if feature.name in IN_VIEWS:
            yield Fault(f"features.{place}.name", f"{feature.name!r} is a column of a feature view; take another name")
        if feature.name in sent:
            text = f"{feature.name!r} comes from {feature.origin}, but clients send a field of that name; rename one"
            yield Fault(f"features.{place}.name", text)


def _tensor_faults(spec: Declaration) -> Iterator[Fault]:
    """A request field has the name of one column of a tensor, or a feature that of a tensor."""
    tensors = {feature.tensor for feature in spec.features if feature.tensor}
    for place, feature in enumerate(spec.features):
        if feature.name in tensors:
            yield Fault(f"features.{place}.name", f"{feature.name!r} is the name of a tensor too; rename one")
    for name, columns in spec.inputs.items():
        for other in sorted(set(columns) & set(spec.request) - {name}):
            yield Fault(f"request.{other}", f"{other!r} is the name of a column of the tensor {name!r}; rename one")


def _table_faults(spec: Declaration) -> Iterator[Fault]:
    for part, names in (("sources", spec.sources), ("feature_views", spec.feature_views), ("tables", spec.tables)):
        yield from (Fault(f"{part}.{name}", f"{name!r} {why}") for name, why in table_faults(names))
    for name in spec.feature_views:
        if name in ("request", "on_request"):
            yield Fault(f"feature_views.{name}", f"{name!r} says of a feature that it comes from no view")
        elif name == "events" or name in spec.sources:
            what = "the table of events" if name == "events" else "a source"
            yield Fault(f"feature_views.{name}", f"{name!r} is the name of {what} too; rename one")
