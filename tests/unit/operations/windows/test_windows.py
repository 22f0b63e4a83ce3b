"""Which windows hold a period or count a window, whatever the rhythm, the zone and the lengths."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.contracts.period import Period
from include.operations.windows import windows
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec

FIRST = {"hour": "2013-03-30T20Z", "day": "2013-03-08", "week": "2012-W50", "month": "2012-11"}
ZONES = ["Pacific/Kiritimati", "Asia/Kolkata", "Europe/Berlin", "America/St_Johns", "Etc/GMT+12"]
LENGTHS = [None, "1 hour", "25 hours", "1 day", "3 days", "1 week", "2 weeks", "1 month"]
PERIODS = 60


def in_rhythm(every: str, zone: str, window: str | None, of: int) -> UseCase:
    spec = small_spec(periods={"every": every, "first": FIRST[every], "last": None, "timezone": zone})
    asked: dict[str, Any] = spec.monitoring.model_dump() | {"window": window, "windows": {"breached": 1, "of": of}}
    return spec.model_copy(update={"monitoring": type(spec.monitoring).model_validate(asked)})


@st.composite
def specs(draw: st.DrawFn) -> UseCase:
    every = draw(st.sampled_from([*FIRST]))
    zone = "UTC" if every == "hour" else draw(st.sampled_from(ZONES))
    return in_rhythm(every, zone, draw(st.sampled_from(LENGTHS)), draw(st.integers(1, 5)))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(specs(), st.sets(st.integers(0, PERIODS - 1), min_size=1, max_size=4), st.sets(st.integers(0, PERIODS - 1)))
def test_windows_are_found_as_if_each_was_looked_at(spec: UseCase, touched: set[int], gaps: set[int]) -> None:
    first = Period(FIRST[spec.calendar.every])
    every = [first.shift(number) for number in range(PERIODS)]
    among, changed = [p for n, p in enumerate(every) if n not in gaps], {every[number] for number in touched}
    assert windows.holding(spec, changed, among) == [p for p in among if changed & {*windows.pooled(spec, p)}]
    of = spec.monitoring.windows.of
    counting = [p for p in among if p not in changed and changed & {*windows.ends(spec, p, of)}]
    assert windows.following(spec, changed, among) == counting


@settings(max_examples=60, deadline=None)
@given(specs())
def test_windows_that_follow_one_another_do_not_overlap(spec: UseCase) -> None:
    newest = Period(FIRST[spec.calendar.every]).shift(PERIODS)
    held = [period for end in windows.ends_of(spec, newest) for period in windows.pooled(spec, end)]
    assert held == Period.between(held[0], newest), "each period once, and none is missing"
