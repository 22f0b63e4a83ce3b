"""Which days are asked for again, and what is run again."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from include.contracts.calendar import Span, Window
from include.contracts.period import Period
from include.data import ingestion, late_data
from include.specification.data import Periods, Source
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.unit.development.frames import MemoryLake

SPEC = load_usecase("flight_delay")
MAY = Period("2013-05")


def with_sources(**changes: object) -> UseCase:
    sources = {name: source.model_copy(update=changes) for name, source in SPEC.sources.items()}
    return SPEC.model_copy(update={"sources": sources})


def windows(days: int, period: Period = MAY) -> list[tuple[str, str]]:
    source = SPEC.sources["flights"].model_copy(update={"late": Span(f"{days} days")})
    return [(w.start.isoformat(), w.end.isoformat()) for w in late_data._late_windows(SPEC.calendar, source, period)]


def test_the_late_days_are_local_days_before_the_month() -> None:
    assert windows(7) == [("2013-04-24T00:00:00-04:00", "2013-05-01T00:00:00-04:00")]


def test_a_long_late_window_is_cut_by_month() -> None:
    starts = [start for start, _ in windows(40)]
    assert starts == ["2013-03-22T00:00:00-04:00", "2013-04-01T00:00:00-04:00"]


def test_the_clock_change_does_not_shift_the_window() -> None:
    assert windows(31, Period("2013-04")) == [("2013-03-01T00:00:00-05:00", "2013-04-01T00:00:00-04:00")]


def test_without_a_late_window_or_time_nothing_is_asked_again() -> None:
    assert windows(0) == []
    assert late_data._late_windows(SPEC.calendar, SPEC.sources["planes"], MAY) == []


def months(*keys: str) -> list[Period]:
    return [Period(key) for key in keys]


def test_a_late_month_and_what_is_built_on_it_run_again_in_order() -> None:
    assert late_data.to_run_again(SPEC, MAY, months("2013-04"), months("2013-03", "2013-04")) == ["2013-04", "2013-05"]
    assert late_data.to_run_again(SPEC, MAY, months("2013-03"), months("2013-03", "2013-04", "2013-06")) == [
        "2013-03",
        "2013-04",
    ]


def test_without_history_only_the_late_month_runs_again() -> None:
    assert late_data.to_run_again(with_sources(history=Span("0 hours")), MAY, months("2013-04"), months("2013-04")) == [
        "2013-04"
    ]


def test_what_was_published_before_the_first_period_was_moved_is_not_run_again() -> None:
    published = months("2013-02", "2013-03", "2013-04")
    moved = SPEC.model_copy(update={"periods": SPEC.periods.model_copy(update={"first": Period("2013-04")})})
    assert late_data.to_run_again(SPEC, MAY, months("2013-03"), published) == ["2013-03", "2013-04"]
    assert late_data.to_run_again(moved, MAY, months("2013-03"), published) == []
    ended = SPEC.model_copy(update={"periods": SPEC.periods.model_copy(update={"last": Period("2013-03")})})
    assert late_data.to_run_again(ended, MAY, months("2013-03", "2013-04"), published) == ["2013-03"]


def test_a_month_that_was_never_published_is_not_run_again() -> None:
    assert late_data.to_run_again(SPEC, MAY, months("2013-04"), months("2013-03")) == []
    assert late_data.to_run_again(SPEC, MAY, months(), months("2013-04")) == []


class StillFeed:
    """A source of readings that never changes, by the clock of a zone."""

    def __init__(self, readings: pd.DataFrame) -> None:
        self._readings = readings

    def read(self, source: Source, window: Window | None) -> Iterator[pa.RecordBatch]:
        yield from pa.Table.from_pandas(self._readings, preserve_index=False).to_batches()


@pytest.mark.parametrize("zone", ["America/St_Johns", "America/Havana", "Australia/Lord_Howe"])
@pytest.mark.parametrize("every", ["day", "month"])
def test_nothing_is_late_where_nothing_changed_though_a_clock_showed_the_day_before_again(
    every: str, zone: str, tmp_path: Path
) -> None:
    periods = {"day": "2010-11-01..2010-11-09", "month": "2010-10..2010-11"}[every]
    first, *_, last = Period.ranged(periods)
    asked = {"first": first, "timezone": zone, "schedule": "@daily"}
    source = SPEC.sources["weather"].model_copy(update={"late": Span("9 days"), "timezone": zone})
    spec = SPEC.model_copy(update={"periods": Periods.model_validate(asked), "sources": {"weather": source}})
    hours = pd.date_range("2010-09-29", "2010-12-03", freq="30min", tz="UTC")
    numbers = {name: 1.0 for name, kind in source.columns.items() if kind == "number"}
    connector = StillFeed(pd.DataFrame({"origin": "EWR", "time_hour": hours}).assign(**numbers))
    lake, landing = MemoryLake({}), tmp_path / "landing"
    for period in Period.ranged(periods):
        ingestion.collect(spec, period, landing, tmp_path / period, lambda *_: connector)
        late_data.record(spec, period, tmp_path / period, lake)
    assert late_data.changed(spec, last.shift(1), landing, tmp_path / "again", lake, lambda *_: connector) == []
