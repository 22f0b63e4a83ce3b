"""The values that tests of a model or a release name: what no test could ever be made of is refused with the spec."""

from collections.abc import Iterator, Mapping
from typing import Any

from include.specification.declaration import Declaration
from include.specification.learning import MinimumFunctionality
from include.specification.packaging import AcceptanceTest, Expectation
from include.specification.part import Fault, named_alike, spelled_class
from include.specification.task import TASKS
from include.specification.wording import not_among, shown


def example_faults(spec: Declaration) -> Iterator[Fault]:
    """What is wrong with ``user_acceptance`` and ``behaviour``."""
    yield from named_alike("user_acceptance", [test.name for test in spec.user_acceptance])
    for place, test in enumerate(spec.user_acceptance):
        yield from _of_acceptance(spec, f"user_acceptance.{place}", test)
    for place, one in enumerate(spec.behaviour.invariance):
        key = f"behaviour.invariance.{place}"
        if one.noise is not None:
            yield from _not_numeric(spec, f"{key}.feature", one.feature)
        elif _kind(spec, one.feature) == "numeric" and (odd := [v for v in one.values if not _is_number(v)]):
            yield Fault(f"{key}.values", f"{shown((), odd[0])} is no number, and {one.feature!r} is one")
    for place, moved in enumerate(spec.behaviour.direction):
        yield from _not_numeric(spec, f"behaviour.direction.{place}.feature", moved.feature)
    for place, rows in enumerate(spec.behaviour.minimum_functionality):
        yield from _of_functionality(spec, f"behaviour.minimum_functionality.{place}", rows)


def _of_acceptance(spec: Declaration, key: str, test: AcceptanceTest) -> Iterator[Fault]:
    views = set(spec.views)
    looked_up = {f.name: f.kind for f in spec.features if f.origin in views}
    for name in test.request:
        if name not in spec.request:
            yield Fault(f"{key}.request", not_among(name, spec.request, "a request field"))
    left_out = (spec.event.id, spec.event.time)
    if lacking := [name for name in spec.request if name not in (*test.request, *left_out)]:
        yield Fault(f"{key}.request", f"{test.name!r}: the request lacks {lacking}")
    for name in test.features:
        if name not in looked_up:
            yield Fault(f"{key}.features", not_among(name, looked_up, "a looked-up feature"))
    for name, value in test.request.items():
        if text := _field_fault(spec, name, value):
            yield Fault(f"{key}.request.{name}", text)
    for name, value in test.features.items():
        if looked_up.get(name) == "numeric" and value is not None and not _is_number(value):
            yield Fault(f"{key}.features.{name}", f"{shown((), value)} is no number, and the feature is one")
    yield from _of_expectation(spec, f"{key}.expects", test.expects)


def _field_fault(spec: Declaration, name: str, value: Any) -> str:
    """Why no client could send this; '' when one could."""
    if name not in spec.request or value is None:
        return ""
    kind, columns = spec.request[name], spec.inputs[name]
    if list(columns) != [name]:
        right = (
            isinstance(value, list) and len(value) == len(columns) and all(v is None or _is_number(v) for v in value)
        )
        return "" if right else f"{shown((), value)} is not {len(columns)} numbers, which the field is"
    if kind == "string":
        return "" if isinstance(value, str | int | float) else f"{shown((), value)} is no text, which the field is"
    return "" if _is_number(value) else f"{shown((), value)} is no number, which the field is"


def _of_expectation(spec: Declaration, key: str, expects: Expectation) -> Iterator[Fault]:
    yield from _crossed(key, expects.at_least, expects.at_most)
    if (wanted := expects.prediction) is None:
        return
    if classes := class_names(spec):
        if spelled_class(wanted) not in classes:
            yield Fault(f"{key}.prediction", not_among(str(wanted), classes, "a class"))
    elif not _is_number(wanted):
        yield Fault(f"{key}.prediction", f"{shown((), wanted)} is no number, and the answers of {spec.task} are")


def _of_functionality(spec: Declaration, key: str, test: MinimumFunctionality) -> Iterator[Fault]:
    yield from _of_rows(spec, f"{key}.where", test.where)
    classes = class_names(spec)
    if test.predicted is not None and classes and test.predicted not in classes:
        yield Fault(f"{key}.predicted", not_among(test.predicted, classes, "a class"))
    yield from _crossed(key, test.at_least, test.at_most)


def _of_rows(spec: Declaration, key: str, where: Mapping[str, Any]) -> Iterator[Fault]:
    described = spec.tables["events"].columns if "events" in spec.tables else {}
    known = {*described, *spec.feature_names, *spec.fields, spec.event.label}
    numeric = {f.name for f in spec.features if f.kind == "numeric"}
    for column, wanted in where.items():
        place = f"{key}.{column}"
        if described and column not in known:
            yield Fault(place, not_among(column, sorted(filter(None, known)), "a column of events, nor a feature"))
        if isinstance(wanted, list) and (len(wanted) != 2 or wanted[0] > wanted[1]):
            yield Fault(place, f"{wanted[:5]} is no range; write [low, high]")
        elif column in numeric and not isinstance(wanted, list) and not _is_number(wanted):
            yield Fault(place, f"{shown((), wanted)} is no number, and the feature is one")
        elif column == spec.event.label and (names := spec.event.classes) and spelled_class(wanted) not in names:
            yield Fault(place, not_among(str(wanted), names, "a class"))


def _crossed(key: str, low: float | None, high: float | None) -> Iterator[Fault]:
    if low is not None and high is not None and low > high:
        yield Fault(f"{key}.at_least", f"no answer is at least {low:g} and at most {high:g}")


def _not_numeric(spec: Declaration, key: str, name: str) -> Iterator[Fault]:
    if (kind := _kind(spec, name)) not in ("numeric", ""):
        yield Fault(key, f"{name!r} is {kind}, and the test changes it by a number")


def _kind(spec: Declaration, name: str) -> str:
    """Of a feature, a tensor or a request field; '' where there is none of the name."""
    kinds = {field: "text" if kind == "string" else "numeric" for field, kind in spec.fields.items()}
    kinds |= {f.tensor: f.kind for f in spec.features if f.tensor}
    return (kinds | {f.name: f.kind for f in spec.features}).get(name, "")


def class_names(spec: Declaration) -> list[str]:
    """What a prediction may be: the classes of the spec, 0 and 1 of two, [] of clusters and numbers."""
    return spec.event.classes or (["0", "1"] if TASKS[spec.task].threshold is not None else [])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
