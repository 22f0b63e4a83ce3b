"""What one part of a spec names must be in another."""

from collections import Counter
from collections.abc import Iterator

from include.specification.declaration import Declaration
from include.specification.part import Fault
from include.specification.task import TASKS
from include.specification.wording import not_among


def repeated_faults(spec: Declaration) -> Iterator[Fault]:
    if twice := {name for name, count in Counter(spec.feature_names).items() if count > 1}:
        yield Fault("features", f"{sorted(twice)} are listed twice")


def reference_faults(spec: Declaration) -> Iterator[Fault]:
    """What one part of the spec names must be in another."""
    request, views = "a request field", set(spec.views)
    for place, feature in enumerate(spec.features):
        if feature.origin == "request" and (name := feature.tensor or feature.name) not in spec.request:
            yield Fault(f"features.{place}", not_among(name, sorted(spec.request), request))
        elif feature.origin in views and feature.origin not in spec.feature_views:
            known = ["request", "on_request", *sorted(spec.feature_views)]
            yield Fault(f"features.{place}.from", not_among(feature.origin, known, "one of feature_views"))
    for name, entity in spec.entities.items():
        if entity.key not in spec.request:
            yield Fault(f"entities.{name}.key", not_among(entity.key, sorted(spec.request), request))
    yield from _key_faults(spec)
    for key, field in (("event.id", spec.event.id), ("event.time", spec.event.time)):
        if field not in spec.request:
            text = f"{not_among(field, sorted(spec.request), request)}; labels are joined by it, so clients send it"
            yield Fault(key, text)
    if spec.comparison.block not in (None, *(blocks := ["day", "hour", "row", *sorted(spec.entities)])):
        yield Fault("comparison.block", not_among(str(spec.comparison.block), blocks, "a block"))
    for name, view in spec.feature_views.items():
        if view.entity not in spec.entities:
            yield Fault(f"feature_views.{name}.entity", not_among(view.entity, sorted(spec.entities), "an entity"))


def _key_faults(spec: Declaration) -> Iterator[Fault]:
    """Text alone holds every key exactly: float32 takes 16777217 for 16777216."""
    for name, entity in spec.entities.items():
        if (kind := spec.request.get(entity.key, "string")) != "string":
            yield Fault(
                f"entities.{name}.key",
                f"{entity.key} is sent as {kind}, which cannot hold every key exactly; write request.{entity.key}: "
                "string, and send a whole number as text in digits",
            )


def column_faults(spec: Declaration) -> Iterator[Fault]:
    """Tests and slices name features, or columns that an event may have."""
    known = list(dict.fromkeys(feature.tensor or feature.name for feature in spec.features))
    tests = {f"behaviour.invariance.{n}": test.feature for n, test in enumerate(spec.behaviour.invariance)}
    tests |= {f"behaviour.direction.{n}": test.feature for n, test in enumerate(spec.behaviour.direction)}
    for key, name in tests.items():
        if name not in [*spec.feature_names, *known]:
            yield Fault(f"{key}.feature", not_among(name, known, "a feature"))
    if "events" not in spec.tables or not spec.tables["events"].columns:
        return
    columns = [*spec.tables["events"].columns, *spec.feature_names, *spec.fields]
    asked = {
        "comparison.slices.columns": spec.comparison.slices.columns,
        "fairness.groups": spec.fairness.groups,
        "split.group": [spec.split.group] if spec.split.group else [],
    }
    for key, named in asked.items():
        for name in named:
            if name not in columns:
                yield Fault(key, not_among(name, sorted({*columns}), "a column of events, nor a feature"))


def leakage_faults(spec: Declaration) -> Iterator[Fault]:
    """The label is known after the prediction: it is no input, and clients do not send it."""
    for key, name in (("event.label", spec.event.label), ("event.label_time", spec.event.label_time)):
        inputs = {f"request.{field}": field for field in spec.request}
        inputs |= {f"features.{place}.name": feature for place, feature in enumerate(spec.feature_names)}
        for place, other in inputs.items():
            if name is not None and other == name:
                yield Fault(place, f"{other!r} is {key}, which is known only after the prediction; leave it out")


def hand_over_faults(spec: Declaration) -> Iterator[Fault]:
    for source, columns in spec.hand_over.sample.items():
        key = f"hand_over.sample.{source}"
        if source not in spec.sources:
            yield Fault(key, not_among(source, sorted(spec.sources), "a source"))
            continue
        known = sorted(spec.sources[source].columns)
        for name in columns:
            if name not in known:
                yield Fault(key, not_among(name, known, f"a column of {source}"))


def rollout_faults(spec: Declaration) -> Iterator[Fault]:
    sticky, measure = spec.rollout.sticky_by, spec.rollout.ab_test.measure
    if sticky not in (None, *spec.request):
        yield Fault("rollout.sticky_by", not_among(str(sticky), sorted(spec.request), "a request field"))
    if spec.rollout.strategy == "ab_test" and spec.event.label is None:
        yield Fault("rollout.strategy", "an A/B test compares labelled rows, but a clustering has no labels")
    if measure and measure not in TASKS[spec.task].ab_measures:
        yield Fault("rollout.ab_test.measure", not_among(measure, TASKS[spec.task].ab_measures, f"one of {spec.task}"))


def missing_faults(spec: Declaration) -> Iterator[Fault]:
    for name, rule in spec.serving.missing.items():
        if name not in spec.request:
            yield Fault("serving.missing", not_among(name, spec.request, "a request field"))
        elif rule == "allowed" and name in (spec.event.id, spec.event.time):
            why = "every prediction is found again by the event's id and time"
            yield Fault(f"serving.missing.{name}", f"'allowed': {why}; write 'refused', or leave it out")
