"""flight_delay by hours, days, weeks or months, on made-up rows in a state root of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from include.contracts.calendar import Span
from include.contracts.period import Period
from include.data import staging as stage
from include.data import versioning
from include.loop import data_pipeline
from include.services.composition import Services
from include.specification.data import Periods
from include.specification.usecase import UseCase
from include.usecases.flight_delay import features
from tests.integration.rhythms.feed import Feed
from tests.integration.usecase_fixtures import Loop


class Rhythm(NamedTuple):
    """Where the periods begin, and the lengths of time that suit them."""

    first: str
    timezone: str | None
    schedule: str
    test: str
    validation: str
    late: str


RHYTHMS = {
    "hour": Rhythm("2013-03-10T04Z", None, "20 * * * *", "2 hours", "1 hour", "2 hours"),
    "day": Rhythm("2013-03-08", "America/New_York", "0 6 * * *", "2 days", "1 day", "2 days"),  # one of 23 hours
    "week": Rhythm("2012-W52", "America/New_York", "0 6 * * 1", "2 weeks", "3 days", "2 weeks"),  # over New Year
    "month": Rhythm("2013-01", "America/New_York", "0 6 1 * *", "1 month", "7 days", "7 days"),
}
TABLES = ("events", "weather", "airport_weather", "aircraft", "planes")


def in_rhythm(spec: UseCase, every: str, places: Path) -> UseCase:
    """The use case in this rhythm, its sources reading files below ``places``."""
    rhythm = RHYTHMS[every]
    asked = {"every": every, "first": rhythm.first, "schedule": rhythm.schedule, "timezone": rhythm.timezone}
    sources = {
        table: source.model_copy(
            update={
                "options": {"path": str(places / ("{period}" if source.time else "registry") / f"{table}.parquet")},
                "late": Span(rhythm.late) if source.time else source.late,
            }
        )
        for table, source in spec.sources.items()
    }
    lengths = {"test": Span(rhythm.test), "validation": Span(rhythm.validation)}
    changed: dict[str, Any] = {"periods": Periods.model_validate(asked), "sources": sources}
    return spec.model_copy(update=changed | {"split": spec.split.model_copy(update=lengths)})


class World(Loop):
    """The loop in a rhythm; ``periods`` are delivered, none is published yet."""

    def __init__(self, home: Path, every: str, count: int, flights: int, **settings: object) -> None:
        super().__init__(home / "var", "flight_delay", **settings)
        self.spec = in_rhythm(self.spec, every, home / "feed")
        self.feed = Feed(home / "feed", self.spec.calendar)
        self.periods = [self.spec.periods.first.shift(by) for by in range(count)]
        self.feed.fill(self.periods, flights)

    @property
    def published(self) -> list[Period]:
        return list(self.services.records.published(self.spec))

    def publish_all(self) -> None:
        for period in self.periods:
            self.publish(period, online=period == self.periods[-1])

    def run_range(self, periods: list[Period], run: str) -> list[str]:
        """Publish all but the newest of a range, as a run for it does first; the ranges that this run published."""
        return data_pipeline.catch_up(self.spec, self.services, periods, run, scheduled=False)

    def late_for(self, period: Period) -> list[Period]:
        """The periods that the look back of a run would run again."""
        asked = data_pipeline.look_back(self.spec, self.services, period, "again")
        return [period for one in asked for period in Period.ranged(one["fields"]["period"])]

    def table(self, period: Period, name: str = "events") -> pd.DataFrame:
        snapshot = versioning.snapshot(period, self.services.records.snapshots(self.spec))
        return self.read(snapshot, name)


@contextmanager
def ungated() -> Iterator[None]:
    """The suites are about real flights, of which there are more."""

    def passed(spec: UseCase, services: Services, period: Period, run: str, name: str, *_: object) -> None:
        if name == "features":
            stage.mark_passed(services.places.staging(spec, run))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_pipeline, "gate", passed)
        yield


@contextmanager
def known_to_features(spec: UseCase) -> Iterator[None]:
    """The use case's own code finds its spec by its directory; here it finds this one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "_spec", lambda: spec)
        yield
