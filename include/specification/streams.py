"""Streams of a use case: columns that they name, and values that nobody can keep as fresh as the spec says."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from include.specification.data import EntitySpec, Periods, Privacy, Source, StreamSpec, ViewSpec
from include.specification.part import Fault
from include.specification.schedule import longest_pause
from include.specification.wording import not_among


class Streamed(Protocol):
    """The parts of a spec that say what comes as events."""

    @property
    def periods(self) -> Periods: ...
    @property
    def sources(self) -> Mapping[str, Source]: ...
    @property
    def streams(self) -> Mapping[str, StreamSpec]: ...
    @property
    def feature_views(self) -> Mapping[str, ViewSpec]: ...
    @property
    def entities(self) -> Mapping[str, EntitySpec]: ...
    @property
    def privacy(self) -> Privacy: ...


def stream_faults(spec: Streamed) -> Iterator[Fault]:
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


def private_columns(spec: Streamed) -> set[str]:
    """Columns that privacy treats, and the one that names a subject."""
    subject = {entity.key for name, entity in spec.entities.items() if name == spec.privacy.subject}
    return {name for name, rule in spec.privacy.columns.items() if rule.treatment != "keep"} | subject


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


def freshness_faults(spec: Streamed) -> Iterator[Fault]:
    """Without a stream, a value is as old as the schedule lets it become."""
    pause = longest_pause(spec.periods.schedule).total_seconds() / 3600
    for name, view in spec.feature_views.items():
        accepted = "when_missing" in view.model_fields_set and view.when_missing != "reject"
        if 0 < view.freshness_hours < pause and name not in spec.streams and not accepted:
            yield Fault(
                f"feature_views.{name}.freshness_hours",
                f"{view.freshness_hours:g} cannot be kept by periods.schedule = {spec.periods.schedule!r}, which "
                f"leaves up to {pause:g} hours between two runs; allowed: {pause:g} or more, 0 (never stale), a "
                "stream that keeps the view current, or when_missing: default or fall_back for what is stale",
            )
