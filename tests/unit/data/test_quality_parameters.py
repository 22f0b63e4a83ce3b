"""What a suite may compare with: the bounds of a month by the calendar of the use case."""

from pathlib import Path

import pytest

from include.contracts.period import Calendar, Period
from include.data import quality
from include.specification.loader import load_usecase
from tests.unit.fakes.adapters import services_in

MONTH = Period("2013-04")


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Asia/Tokyo", "UTC", "America/New_York", "Pacific/Midway"])
def test_no_row_of_a_local_month_is_older_or_newer_than_the_month_of_the_gates(tmp_path: Path, zone: str) -> None:
    spec = load_usecase("flight_delay")
    local = spec.model_copy(update={"periods": spec.periods.model_copy(update={"timezone": zone})})
    known = quality._parameters(local, "raw", MONTH, [], services_in(tmp_path).adapters.lake)
    begin, end = Calendar(every="month", timezone=zone).window(MONTH).utc()
    assert known["period_start"] == begin
    assert known["period_end"] == end
    assert (known["days"], known["months"], known["last_year"]) == (30, [4], 2013)
