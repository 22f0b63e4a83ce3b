"""Refused rows wait with their reasons; dropped or released by name, the month is published; nothing else gets by."""

import json
import shutil

import pandas as pd
import pyarrow.parquet as pq
import pytest

from include.contracts.period import Period
from include.contracts.quality import QuarantinedRow
from include.data import expectation_form, quality, quarantine, versioning
from include.data import staging as stage
from include.data.validation import SuiteValidator
from include.errors import GateRefusedError, NotFoundError
from include.formats import checksums
from include.records.registry import GATE_RESULTS
from tests.integration.data_fixtures import DataRooms, rooms, validator  # noqa: F401

pytestmark = pytest.mark.integration
FEBRUARY = Period("2013-02")
FLIGHTS = 24951


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, validator: SuiteValidator) -> pd.DataFrame:  # noqa: F811
    return DataRooms(tmp_path_factory.mktemp("archive"), validator).archived("2013-02", "flights")


@pytest.fixture
def flights(archive: pd.DataFrame) -> pd.DataFrame:
    """The real flights of February, to be damaged."""
    return archive.copy()


def deliver_bad(rooms: DataRooms, rows: pd.DataFrame) -> None:  # noqa: F811
    """Five flights twice, three with a negative distance."""
    rows.loc[rows.index[10:13], "distance"] = -54321
    rooms.deliver("2013-02", "flights", pd.concat([rows, rows.iloc[100:105]]))


def refused(rooms: DataRooms) -> str:  # noqa: F811
    rooms.collect("2013-02")
    with pytest.raises(GateRefusedError) as caught:
        rooms.gate("raw", "2013-02")
    return str(caught.value)


def decide(rooms: DataRooms, action: quarantine.Action, table: str = "all") -> dict[str, int]:  # noqa: F811
    return quarantine.decide(rooms.spec, [FEBRUARY], "raw", table, action, "anna", "seen with the airline", rooms.lake)


def words(rooms: DataRooms) -> list[QuarantinedRow]:  # noqa: F811
    return quarantine.current(rooms.spec, rooms.lake)


def test_bad_rows_wait_with_reasons_and_no_message_shows_a_value(rooms: DataRooms, flights: pd.DataFrame) -> None:  # noqa: F811
    deliver_bad(rooms, flights)
    message = refused(rooms)
    assert "flights.distance: expect_column_values_to_be_between: 3 of 24956 rows" in message
    assert "{'flights': 8}" in message
    assert "54321" not in message + (rooms.quarantine / "2013-02" / "raw" / "reasons.json").read_text()
    held = words(rooms)
    assert {(w.table, w.status) for w in held} == {("flights", "held")}
    # of a flight that came twice the copy waits, so dropping it loses no flight
    assert sorted(json.loads(w.content)["distance"] == -54321 for w in held) == [False] * 5 + [True] * 3
    assert {w.reasons.split(": ")[1] for w in held} == {
        "expect_column_values_to_be_between", "expect_compound_columns_to_be_unique",
    }  # fmt: skip
    refused(rooms)
    assert len(words(rooms)) == 8, "the same rows are not held twice"


def test_dropped_rows_are_left_out_and_the_month_is_published(rooms: DataRooms, flights: pd.DataFrame) -> None:  # noqa: F811
    deliver_bad(rooms, flights)
    refused(rooms)
    assert decide(rooms, "drop", "flights") == {"flights": 8}
    assert decide(rooms, "drop") == {"flights": 8}, "a repeated decision changes nothing"
    snapshot = rooms.publish("2013-02")
    assert snapshot.tables["events"].rows == FLIGHTS - 3
    assert len(versioning.read(snapshot, "events", rooms.lake)["flight_id"].unique()) == FLIGHTS - 3
    assert rooms.publish("2013-02") == snapshot
    assert {(w.status, w.decided_by, w.note) for w in words(rooms)} == {("dropped", "anna", "seen with the airline")}


def test_released_rows_pass_and_a_new_bad_row_does_not(rooms: DataRooms, flights: pd.DataFrame) -> None:  # noqa: F811
    rows = flights
    rows.loc[rows.index[:2], "arr_delay"] = 4000  # two days and more, and true
    rooms.deliver("2013-02", "flights", rows)
    refused(rooms)
    decide(rooms, "release")
    assert rooms.publish("2013-02").tables["events"].rows == FLIGHTS
    rows.loc[rows.index[2], "arr_delay"] = 5000
    rooms.deliver("2013-02", "flights", rows)
    assert f"arr_delay: expect_column_values_to_be_between: 1 of {FLIGHTS}" in refused(rooms)
    assert sorted(w.status for w in words(rooms)) == ["held", "released", "released"]


def test_a_copy_is_released_with_its_first_and_another_flight_with_its_key_is_not(
    rooms: DataRooms,  # noqa: F811
    flights: pd.DataFrame,
) -> None:
    rows = flights
    rooms.deliver("2013-02", "flights", pd.concat([rows, rows.iloc[:1]]))
    refused(rooms)
    decide(rooms, "release")
    rooms.collect("2013-02")
    assert rooms.gate("raw", "2013-02").passed
    rooms.deliver("2013-02", "flights", pd.concat([rows, rows.iloc[:1], rows.iloc[:1].assign(dest="XXX")]))
    assert "expect_compound_columns_to_be_unique" in refused(rooms)


def test_volume_holds_for_what_is_left(rooms: DataRooms, flights: pd.DataFrame) -> None:  # noqa: F811
    rows = flights
    rows.loc[rows.index[4000:], "distance"] = 0
    rooms.deliver("2013-02", "flights", rows)
    refused(rooms)
    assert decide(rooms, "drop") == {"flights": FLIGHTS - 4000}
    assert "flights: expect_table_row_count_to_be_between: 0 of 4000 rows" in refused(rooms)


def test_a_repaired_month_closes_what_was_held(rooms: DataRooms, flights: pd.DataFrame) -> None:  # noqa: F811
    deliver_bad(rooms, flights)
    refused(rooms)
    shutil.rmtree(rooms.landing / "2013-02")
    rooms.collect("2013-02")
    rooms.gate("raw", "2013-02")
    assert {w.status for w in words(rooms)} == {"repaired"}
    with pytest.raises(NotFoundError, match=r"no rows of table 'all' are held at the raw gate; held are \[\]"):
        decide(rooms, "drop")


def test_a_decision_about_nothing_says_what_is_held(rooms: DataRooms, flights: pd.DataFrame) -> None:  # noqa: F811
    deliver_bad(rooms, flights)
    refused(rooms)
    with pytest.raises(NotFoundError, match=r"'weather' are held.*\('2013-02', 'raw', 'flights'\)"):
        decide(rooms, "drop", "weather")


def test_only_what_the_features_gate_passed_can_be_published(rooms: DataRooms) -> None:  # noqa: F811
    rooms.collect("2013-02")
    rooms.gate("raw", "2013-02")
    rooms.build("2013-02")
    staging = rooms.staging("2013-02")
    publishing = (rooms.spec, FEBRUARY, staging, rooms.lake, rooms.snapshots)
    with pytest.raises(GateRefusedError, match=r"did not pass \['aircraft'.*clear the run from gate_features"):
        versioning.publish(*publishing)
    rooms.gate("features", "2013-02")
    file = stage.path(staging, stage.TABLES, "events")
    untouched, other = file.with_name(".untouched"), file.with_name(".other")
    shutil.copyfile(file, untouched)
    pq.write_table(pq.read_table(file).slice(1), other)
    checksums.replace(file, other)
    with pytest.raises(GateRefusedError, match=r"did not pass \['events'\]"):
        versioning.publish(*publishing)
    checksums.replace(file, untouched)
    assert versioning.publish(*publishing).tables["events"].rows == FLIGHTS


def test_results_are_a_table_with_a_row_per_expectation(rooms: DataRooms) -> None:  # noqa: F811
    rooms.collect("2013-02")
    result = rooms.gate("raw", "2013-02")
    table = GATE_RESULTS.rows("flight_delay", rooms.lake).to_pandas()
    assert quality.results(rooms.spec, rooms.lake) == [result]
    assert len(table) == result.evaluated
    assert set(table.dimension) == set(expectation_form.DIMENSIONS)
    assert table.evaluated_at.nunique() == 1
    warned = table[~table.passed]
    assert warned[["table", "column", "dimension", "severity", "unexpected", "broken"]].to_numpy().tolist() == [
        ["weather", "wind_speed", "accuracy", "warn", 1, False]
    ]
