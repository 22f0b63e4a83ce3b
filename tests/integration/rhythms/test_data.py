"""In every rhythm: periods from source to snapshot, versions, late rows, erasure, export, what was interrupted."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from include.contracts.period import Period
from include.contracts.pseudonyms import KeyRing, reference
from include.data import delivery, versioning
from include.errors import MissingPeriodError, NotFoundError
from include.loop import catalog, data_pipeline, export, hand_over, privacy_audit, subject_deletion, take_in
from include.services.composition import Services
from include.specification.usecase import UseCase
from tests.integration.environments_fixtures import ANSWER, environments
from tests.integration.rhythms.feed import TAILS
from tests.integration.rhythms.world import RHYTHMS, World, in_rhythm, known_to_features, ungated
from tests.integration.usecase_fixtures import KEYS

pytestmark = pytest.mark.integration
COUNT, FLIGHTS = 5, 240
REDUCED = ["day", *(pytest.param(every, marks=pytest.mark.full) for every in ("hour", "week", "month"))]
"""By days in `make test`, in every rhythm in `make full`."""


@pytest.mark.parametrize("every", RHYTHMS)
def test_two_periods_of_every_rhythm_are_published(every: str, tmp_path: Path) -> None:
    world = World(tmp_path, every, 2, 30)
    with known_to_features(world.spec):
        world.publish_all()
    assert world.published == world.periods
    assert [len(world.table(period)) for period in world.periods] == [30, 30]
    assert world.late_for(world.periods[-1]) == []


@pytest.fixture(scope="module", params=REDUCED)
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Five periods, published."""
    world = World(tmp_path_factory.mktemp(request.param), request.param, COUNT, FLIGHTS)
    with known_to_features(world.spec):
        world.publish_all()
    return world


@pytest.fixture
def world(published: World, tmp_path: Path) -> Iterator[World]:
    """The same in a state root that a test may change."""
    shutil.copytree(published.services.settings.home.parent, tmp_path / "w")
    copy = World(tmp_path / "w", published.spec.calendar.every, COUNT, FLIGHTS)
    with known_to_features(copy.spec):
        yield copy


def test_every_period_is_published_and_each_event_lies_in_its_own(published: World) -> None:
    assert published.published == published.periods
    calendar, ids = published.spec.calendar, set()
    for period in published.periods:
        events = published.table(period)
        assert {calendar.of(moment) for moment in events["event_timestamp"]} == {period}
        ids |= set(events["flight_id"])
    assert len(ids) == COUNT * FLIGHTS


def test_features_look_back_into_the_period_before(published: World) -> None:
    first, last = (published.table(published.periods[at], "airport_weather") for at in (0, -1))
    assert first.sort_values("event_timestamp")["pressure_change_3h"].isna().iloc[0], "nothing is known before"
    assert last["pressure_change_3h"].notna().all(), "three hours ago is known, in whichever period that was"


def test_the_same_again_is_the_same_snapshot(world: World) -> None:
    before = [one.name for one in world.services.records.snapshots(world.spec).published()]
    assert world.publish(world.periods[1], online=False).name in before
    assert [one.name for one in world.services.records.snapshots(world.spec).published()] == before


def test_versions_of_a_period_are_told_apart_listed_and_put_back(world: World) -> None:
    period, others = world.periods[2], [p for p in world.periods if p != world.periods[2]]
    before = world.table(period)
    kept = {other: world.table(other) for other in others}
    world.feed.write(period, "flights", world.feed.read(period, "flights").iloc[:-7])
    changed = world.publish(period, online=False)
    assert len(world.table(period)) == FLIGHTS - 7
    snapshots = world.services.records.snapshots(world.spec)
    listed = [one for one in snapshots.all_named() if one.period == period]
    assert len(listed) == 2
    (old,) = (one.name for one in listed if one.name != changed.name)
    versioning.restore(old, world.services.adapters.lake, snapshots, by="ada", why="the file was cut")
    assert_same(world.table(period), before)
    for other, rows in kept.items():
        assert_same(world.table(other), rows)


def assert_same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    key = ["flight_id"]
    pd.testing.assert_frame_equal(one.sort_values(key, ignore_index=True), other.sort_values(key, ignore_index=True))


def test_a_period_that_nobody_published_is_named_with_those_that_are(published: World) -> None:
    later = published.periods[-1].shift(1)
    first, last = published.periods[0], published.periods[-1]
    with pytest.raises(NotFoundError, match=rf"{later} is not published; published are {first}\.\.{last}: run"):
        published.table(later)
    with pytest.raises(MissingPeriodError):
        published.publish(later)


def test_late_rows_run_their_own_period_again_and_those_that_look_back_into_it(world: World) -> None:
    touched, newest = world.periods[-2], world.periods[-1]
    assert world.late_for(newest) == []
    rows = world.feed.read(touched, "flights")
    world.feed.write(touched, "flights", pd.concat([rows, rows.tail(1).assign(flight=9_999_999)]))
    again = world.late_for(newest)
    assert again[0] == touched
    assert set(again) <= {touched, newest}
    for period in again:
        world.publish(period, online=False)
    assert len(world.table(touched)) == FLIGHTS + 1
    assert world.late_for(newest) == []


def test_a_backfill_that_was_stopped_continues_at_the_period_where_it_stood(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = World(tmp_path / "fresh", world.spec.calendar.every, COUNT, 40)
    built: list[Period] = []
    build = data_pipeline.build_features

    def stops_at_the_third(spec: UseCase, services: Services, period: Period, run: str) -> dict[str, int]:
        built.append(period)
        if len(built) == 3:
            raise KeyboardInterrupt
        return build(spec, services, period, run)

    monkeypatch.setattr(data_pipeline, "build_features", stops_at_the_third)
    with ungated(), known_to_features(fresh.spec):
        with pytest.raises(KeyboardInterrupt):
            fresh.run_range(fresh.periods, "backfill")
        assert fresh.published == fresh.periods[:2]
        assert fresh.run_range(fresh.periods, "backfill") == [f"{fresh.periods[0]}..{fresh.periods[-2]}"]
        assert fresh.published == fresh.periods[:-1]
    assert built == [*fresh.periods[:3], *fresh.periods[2:-1]], "the third is built anew, the first two are not"
    assert len(fresh.table(fresh.periods[2])) == 40


def test_a_subject_is_erased_in_every_period_and_stays_away(world: World) -> None:
    token = KeyRing.parse(KEYS).token(TAILS[7])
    there = {period: world.table(period) for period in world.periods}
    assert sum((rows["tailnum"] == token).any() for rows in there.values()) > 1
    subject_deletion.delete(world.spec, world.services, reference(token), "asked by letter", "an operator")
    for period, rows in there.items():
        left = world.table(period)
        assert_same(left, rows[rows["tailnum"] != token])
    world.publish(world.periods[1], online=False)
    assert not (world.table(world.periods[1])["tailnum"] == token).any()


def test_the_privacy_audit_searches_for_the_values_of_the_period(published: World) -> None:
    result = privacy_audit.audit(published.spec, published.services, published.periods[3])
    assert result["findings"] == 0
    assert result["values"] > len(TAILS) // 2


def test_an_export_is_of_the_periods_that_were_asked_for(published: World) -> None:
    period = published.periods[1]
    rows = export.read_as(published.spec, published.services, "admin", "events", period)
    assert len(rows) == FLIGHTS
    with pytest.raises(MissingPeriodError, match=rf"it has {published.periods[0]}\.\.{published.periods[-1]}"):
        export.read_as(published.spec, published.services, "admin", "events", published.periods[-1].shift(3))


def test_periods_are_handed_over_to_dev_and_others_are_named(published: World, tmp_path: Path) -> None:
    both = environments(tmp_path)
    spec = in_rhythm(both.spec, published.spec.calendar.every, published.feed.directory)
    first, last, later = published.periods[0], published.periods[1], published.periods[2]
    asked = hand_over.ask(spec, both.prod, first, last, "try a feature", "uwe")
    exported = hand_over.export(spec, both.prod, asked, ANSWER, "run")
    assert exported.periods == [first, last]
    take_in.take_in(spec, both.dev, None)
    assert delivery.handed_over(spec, both.dev.places.landing(spec)) == [first, last]
    assert data_pipeline.collect(spec, both.dev, last, "run")["weather"] > 0
    with pytest.raises(
        MissingPeriodError, match=rf"{later} was not handed over to dev .*there are {first}\.\.{last}\)"
    ):
        data_pipeline.collect(spec, both.dev, later, "run")


def test_the_catalog_knows_the_periods(published: World) -> None:
    made = catalog.write(published.spec, published.services)
    first, last = published.periods[0], published.periods[-1]
    assert made.entry("table/events").facts["periods"] == f"{first} to {last} ({COUNT})"
    assert made.entry("table/events").versions[0].detail.startswith("Delta version")
    assert last in made.entry("table/events").versions[0].detail
