"""Every answer belongs to one period and meets its truth there, whatever the rhythm, the zone and the lead."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.contracts.calendar import Calendar, Span
from include.contracts.period import Period
from include.records.registry import PREDICTIONS
from include.services.composition import Services
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import publish
from tests.unit.services.test_predictions import logged

FIRST = {"hour": "2013-03-30T20Z", "day": "2013-03-28", "week": "2013-W10", "month": "2013-01"}
ZONES = [
    "Pacific/Kiritimati", "Asia/Kolkata", "Europe/Berlin", "UTC", "America/New_York", "America/St_Johns", "Etc/GMT+12"
]  # fmt: skip
LEADS = ["0 hours", "1 hour", "23 hours", "1 day", "36 hours", "1 week", "3 weeks", "1 month"]
COUNT = 6


@dataclass
class World:
    """A use case; its events by the period in whose table each stands."""

    every: str
    zone: str
    event: dict[str, str]
    tables: dict[Period, dict[str, tuple[datetime, int | None]]]

    @cached_property
    def spec(self) -> UseCase:
        periods = {"every": self.every, "first": FIRST[self.every], "last": None, "timezone": self.zone}
        return small_spec(periods=periods, event=self.event)

    @property
    def answers(self) -> dict[str, datetime]:
        return {event: at for rows in self.tables.values() for event, (at, _) in rows.items()}


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Rows stand up to the lead after the time that was asked about, or all of them up to the lead before it.

    An event may stand twice: without a label in the period of its time, and with it later.
    """
    every = draw(st.sampled_from([*FIRST]))
    zone, lead = "UTC" if every == "hour" else draw(st.sampled_from(ZONES)), Span(draw(st.sampled_from(LEADS)))
    calendar, first = Calendar(every=every, timezone=zone), Period(FIRST[every])
    periods = [first.shift(number) for number in range(COUNT)]
    begin, end = calendar.start(periods[0]), calendar.end(periods[-1])
    before, tables = draw(st.booleans()), {period: {} for period in periods}
    places = st.tuples(st.integers(0, 999), st.sampled_from([0.0, 0.5, 1.0]), st.booleans())
    for number, (thousandths, far, twice) in enumerate(draw(st.lists(places, min_size=1, max_size=30))):
        stands = begin + (end - begin) * (thousandths / 1000)
        shift = (lead.after(stands, zone) - stands) * far
        at = stands + shift if before else stands - shift
        if twice and calendar.of(at) in tables:
            tables[calendar.of(at)][f"f{number}"] = (at, None)
        tables[calendar.of(stands)][f"f{number}"] = (at, 1)
    delay = draw(st.sampled_from(["0 hours", "6 hours", "2 days"]))
    return World(every, zone, {"lead": str(lead), "label_delay": delay}, tables)


def shipped(services: Services, world: World) -> None:
    rows = [
        logged(event, event, 1) | {world.spec.event.time: at, "period": Period.recorded(at)}
        for event, at in world.answers.items()
    ]
    PREDICTIONS.append(world.spec.name, services.adapters.lake, pa.Table.from_pylist(rows))


def published(services: Services, world: World, *periods: Period) -> None:
    event = world.spec.event
    for period in periods:
        stands = world.tables[period]
        columns = {
            event.id: pa.array([*stands], pa.string()),
            event.time: pa.array([at for at, _ in stands.values()], pa.timestamp("us", "UTC")),
            str(event.label): pa.array([label for _, label in stands.values()], pa.int8()),
        }
        rows = pa.table(columns)
        services.adapters.lake.publish(world.spec.name, "events", rows, period)
        publish(services, period, spec=world.spec)


def belonging(services: Services, spec: UseCase, period: Period) -> list[str]:
    truth = services.predictions.truth(spec)
    return services.predictions.belonging(spec, [period], truth)[spec.event.id].tolist()


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(worlds())
def test_no_answer_is_lost_and_none_counts_twice(world: World) -> None:
    with TemporaryDirectory() as directory:
        services = services_in(Path(directory))
        shipped(services, world)
        published(services, world, *world.tables)
        counted = Counter(event for period in world.tables for event in belonging(services, world.spec, period))
        assert set(counted.values()) <= {1}, "none twice"
        assert set(counted) == set(world.answers), "none lost"


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(worlds())
def test_the_truth_of_every_answer_is_found_in_whatever_period_it_came(world: World) -> None:
    with TemporaryDirectory() as directory:
        services = services_in(Path(directory))
        shipped(services, world)
        published(services, world, *world.tables)
        answered = services.predictions.since(world.spec, 0, ["r0001"])
        labelled = services.predictions.labelled(world.spec, answered)
        assert set(labelled[world.spec.event.id]) == set(world.answers), "the truth of an A/B test"
        truth = services.predictions.truth(world.spec)
        for period in world.tables:
            rows = services.predictions.belonging(world.spec, [period], truth)
            known = truth.of(rows, datetime.now(UTC)) if len(rows) else rows
            assert set(known[world.spec.event.id]) == set(rows[world.spec.event.id]), "of monitoring and labelling"
            assert known.empty or known[str(world.spec.event.label)].eq(1).all(), (
                "with its label, not as it stood first"
            )
