"""What a suite may compare with: the bounds of a month by the calendar of the use case."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.contracts.calendar import Calendar
from include.contracts.period import Period
from include.data import quality
from include.data.gate_history import GateHistory
from include.specification.loader import load_usecase
from tests.unit.fakes.adapters import services_in

MONTH = Period("2013-04")


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Asia/Tokyo", "UTC", "America/New_York", "Pacific/Midway"])
def test_no_row_of_a_local_month_is_older_or_newer_than_the_month_of_the_gates(tmp_path: Path, zone: str) -> None:
    spec = load_usecase("flight_delay")
    local = spec.model_copy(update={"periods": spec.periods.model_copy(update={"timezone": zone})})
    known = quality._parameters(local, "raw", MONTH, {}, GateHistory(local, services_in(tmp_path).adapters.lake))
    begin, end = Calendar(every="month", timezone=zone).window(MONTH).utc()
    assert known["period_start"] == begin
    assert known["period_end"] == end
    assert (known["days"], known["months"], known["last_year"]) == (30, [4], 2013)


@pytest.mark.parametrize(("may_be_empty", "rows", "fewest"), [(True, 0, 0), (True, 5, 1), (False, 0, 1)])
def test_only_a_table_without_rows_may_be_smaller_than_usual_and_only_where_the_spec_says_so(
    tmp_path: Path, may_be_empty: bool, rows: int, fewest: int
) -> None:
    spec = load_usecase("flight_delay")
    sources = {name: one.model_copy(update={"may_be_empty": may_be_empty}) for name, one in spec.sources.items()}
    file = tmp_path / "flights.parquet"
    pq.write_table(pa.table({"flight": pa.array(range(rows), pa.int64())}), file)
    lake = services_in(tmp_path).adapters.lake
    allowed = spec.model_copy(update={"sources": sources})
    assert (
        quality._parameters(allowed, "raw", MONTH, {"flights": file}, GateHistory(allowed, lake))["flights_min_rows"]
        == fewest
    )
