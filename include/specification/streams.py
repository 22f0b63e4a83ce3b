"""Streams of a use case: columns that they name, and values that nobody can keep as fresh as the spec says."""

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple
from zoneinfo import ZoneInfo

from include.specification.data import Periods, Source, StreamSpec
from include.specification.declaration import Declaration
from include.specification.part import Fault
from include.specification.schedule import oldest_value
from include.specification.wording import not_among


def stream_faults(spec: Declaration) -> Iterator[Fault]:
    """What a stream names that is not there, and what it would keep in clear."""
    for view, stream in spec.streams.items():
        if view not in spec.feature_views:
            yield Fault(f"streams.{view}", not_among(view, sorted(spec.feature_views), "one of feature_views"))
        if (source := spec.sources.get(stream.source)) is None:
            yield Fault(f"streams.{view}.source", not_among(stream.source, sorted(spec.sources), "a source"))
            continue
        yield from _column_faults(f"streams.{view}", stream, source)
        if hidden := sorted(private_columns(spec) & set(source.columns)):
            yield Fault(
                f"streams.{view}.source",
                f"{stream.source!r} has {hidden}, which privacy treats or which name a subject; a "
                "stream stores events in clear, so such a source cannot be streamed",
            )


def private_columns(spec: Declaration) -> set[str]:
    """Columns that privacy treats, and the one that names a subject."""
    subject = {entity.key for name, entity in spec.entities.items() if name == spec.privacy.subject}
    return {name for name, rule in spec.privacy.columns.items() if rule.treatment != "keep"} | subject


def scoring_faults(spec: Declaration) -> Iterator[Fault]:
    if spec.scoring is None:
        return
    key = "scoring.stream"
    if spec.scoring.stream in spec.feature_views:
        yield Fault(key, f"{spec.scoring.stream!r} is the name of a feature view; take another")
    if hidden := sorted(private_columns(spec) & set(spec.request)):
        yield Fault(
            key,
            f"requests hold {hidden}, which privacy treats or which name a subject; a stream "
            "stores events in clear, so such requests cannot be streamed: send them to the server or score in bulk",
        )


def _column_faults(place: str, stream: StreamSpec, source: Source) -> Iterator[Fault]:
    columns = {**source.columns, **stream.computed}
    if source.time is None and stream.time is None:
        yield Fault(f"{place}.source", f"the source {stream.source!r} needs a 'time' column, or the stream one")
    for name in stream.computed:
        if name in source.columns:
            yield Fault(f"{place}.computed", f"{name!r} is a column of {stream.source} too; take another name")
    named = {"id": stream.id, "key": stream.key, "time": [stream.time] if stream.time else []}
    for part, names in named.items():
        for name in names:
            if name not in columns:
                text = not_among(name, sorted(columns), f"a column of {stream.source}, nor one of computed")
                yield Fault(f"{place}.{part}", text)
    if stream.time and columns.get(stream.time, "timestamp") != "timestamp":
        yield Fault(f"{place}.time", f"{stream.time} is of type {columns[stream.time]}; it must be a timestamp")


def freshness_faults(spec: Declaration) -> Iterator[Fault]:
    """A value is as old as its stream, or without one the schedule, lets it become while everything works."""
    for name, view in spec.feature_views.items():
        accepted = "when_missing" in view.model_fields_set and view.when_missing != "reject"
        if not view.freshness_hours or accepted:
            continue
        ages = [_of_batch(spec.periods), *([_of_stream(spec.streams[name])] if name in spec.streams else [])]
        least = min(age.hours for age in ages)
        if view.freshness_hours < least - 1e-9:
            either = "" if name in spec.streams else "a stream that keeps the view current, "
            yield Fault(
                f"feature_views.{name}.freshness_hours",
                f"{view.freshness_hours:.10g} cannot be kept: {'; '.join(age.sum for age in ages)}; "
                f"allowed: {_at_least(least)} or "
                f"more, 0 (never stale), {either}or when_missing: default or fall_back for what is stale",
            )


def _at_least(hours: float) -> str:
    """In four decimals, rounded up: what is written like this is kept."""
    return f"{ceil(round(hours * 10_000, 3)) / 10_000:.10g}"


class _Age(NamedTuple):
    """How old a value becomes while everything works, and the sum that gives it."""

    hours: float
    sum: str


def _of_batch(periods: Periods) -> _Age:
    calendar, oldest = periods.calendar, oldest_value(periods.schedule, periods.calendar)
    end, run = (f"{moment.astimezone(ZoneInfo(calendar.timezone)):%Y-%m-%d %H:%M}" for moment in oldest[1:])
    hours = oldest.hours + periods.pipeline_hours
    return _Age(
        hours,
        f"by periods.schedule = {periods.schedule!r} the values of the {calendar.every} {oldest.period}, which ends "
        f"{end}, are the newest until the run of {run} has ended: {_at_least(oldest.hours)} + "
        f"{periods.pipeline_hours:g} (periods.pipeline_hours) = {_at_least(hours)} hours",
    )


def _of_stream(stream: StreamSpec) -> _Age:
    hours = stream.published_after_hours + stream.pause_hours
    return _Age(
        hours,
        f"by the stream a value is {stream.published_after_hours:g} (published_after_hours) + {stream.pause_hours:g} "
        f"(pause_hours) = {_at_least(hours)} hours old",
    )
