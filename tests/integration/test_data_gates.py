"""Bad input: refused with the failing expectations and counts, kept apart, the snapshot before readable, repairable."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from include.data import quality, versioning
from include.data.validation import SuiteValidator
from include.errors import BrokenCheckError, GateRefusedError, MissingPeriodError, NotFoundError, SourceError
from include.settings import ROOT
from tests.integration.data_fixtures import DataRooms, rooms, suite_validator, validator  # noqa: F401

pytestmark = pytest.mark.integration
PROJECT = ROOT / "great_expectations"


def duplicated(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([rows, rows.head(7)])


def impossible(rows: pd.DataFrame) -> pd.DataFrame:
    rows.loc[rows.index[:3], "distance"] = 0
    rows.loc[rows.index[3:5], "sched_dep_time"] = 1275
    rows.loc[rows.index[5:6], "arr_delay"] = 9999
    return rows


def of_another_month(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(month=3)


def a_quarter(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.iloc[::4]


BAD = [
    (duplicated, "flights.year, month, day.*expect_compound_columns_to_be_unique: 14 of 24958 rows"),
    (impossible, r"flights.distance: expect_column_values_to_be_between: 3 of 24951 rows"),
    (impossible, r"flights.sched_dep_time: expect_column_values_to_match_regex: 2 of 24951 rows"),
    (impossible, r"flights.arr_delay: expect_column_values_to_be_between: 1 of 24951 rows"),
    (lambda rows: rows.head(0), "flights: expect_table_row_count_to_be_between.*observed 0"),
    (a_quarter, "flights: expect_table_row_count_to_be_between.*min_value=13502.*observed 6238"),
    (of_another_month, "flights.month: expect_column_values_to_be_in_set: 24951 of 24951 rows"),
]


@pytest.fixture(scope="module")
def january(tmp_path_factory: pytest.TempPathFactory, validator: SuiteValidator) -> Path:  # noqa: F811
    home = tmp_path_factory.mktemp("january")
    DataRooms(home, validator).publish("2013-01")
    return home


@pytest.fixture
def after_january(january: Path, tmp_path: Path, validator: SuiteValidator) -> DataRooms:  # noqa: F811
    shutil.copytree(january, tmp_path / "home")
    return DataRooms(tmp_path / "home", validator)


@pytest.mark.parametrize(("damage", "complaint"), BAD, ids=lambda value: getattr(value, "__name__", None))
def test_bad_flights_are_refused(
    after_january: DataRooms, damage: Callable[[pd.DataFrame], pd.DataFrame], complaint: str
) -> None:
    rooms = after_january  # noqa: F811
    rooms.deliver("2013-02", "flights", damage(rooms.archived("2013-02", "flights")))
    with pytest.raises(GateRefusedError, match=complaint):
        rooms.publish("2013-02")
    assert quarantined(rooms) == ["2013-02/raw"]
    assert (rooms.quarantine / "2013-02" / "raw" / "flights.parquet").is_file()
    assert json.loads((rooms.quarantine / "2013-02" / "raw" / "reasons.json").read_text())["failures"]


def test_a_refused_month_goes_nowhere_and_a_repaired_one_passes(after_january: DataRooms) -> None:
    rooms = after_january  # noqa: F811
    before = versioning.latest(rooms.snapshots)
    rooms.deliver("2013-02", "flights", duplicated(rooms.archived("2013-02", "flights")))
    with pytest.raises(GateRefusedError):
        rooms.publish("2013-02")
    with pytest.raises(NotFoundError, match=r"raw/flights\.parquet does not exist"):
        rooms.build("2013-02")
    assert rooms.lake.periods("flight_delay", "events") == ["2013-01"]
    assert versioning.latest(rooms.snapshots) == before
    assert versioning.read(before, "events", rooms.lake).num_rows == 27004

    shutil.rmtree(rooms.landing / "2013-02")
    repaired = rooms.publish("2013-02")
    assert quarantined(rooms) == []
    assert versioning.latest(rooms.snapshots) == repaired
    words = [(r.gate, r.passed) for r in quality.results(rooms.spec, rooms.lake) if r.period == "2013-02"]
    assert words == [("raw", False), ("raw", True), ("features", True)]


def test_a_faulty_reading_warns_and_passes(after_january: DataRooms) -> None:
    after_january.collect("2013-02")
    result = after_january.gate("raw", "2013-02")
    assert [(f.severity, f.column, f.unexpected) for f in result.failures] == [("warn", "wind_speed", 1)]
    assert result.passed


def test_a_missing_month_is_asked_for(rooms: DataRooms) -> None:  # noqa: F811
    with pytest.raises(MissingPeriodError, match=r"deliver .*2014-05/flights\.csv"):
        rooms.collect("2014-05")


def test_a_renamed_column_is_named(rooms: DataRooms) -> None:  # noqa: F811
    rooms.deliver("2013-02", "weather", rooms.archived("2013-02", "weather").rename(columns={"temp": "temperature"}))
    with pytest.raises(SourceError, match=r"'weather' lacks the columns \['temp'\].*temperature"):
        rooms.collect("2013-02")


def test_a_corrupt_file_is_named(rooms: DataRooms) -> None:  # noqa: F811
    (rooms.landing / "2013-02").mkdir(parents=True)
    (rooms.landing / "2013-02" / "weather.csv.gz").write_bytes(b"\x1f\x8b broken")
    with pytest.raises(SourceError, match=r"weather\.csv\.gz: cannot be read"):
        rooms.collect("2013-02")


def test_a_check_that_crashes_does_not_blame_the_data(after_january: DataRooms, tmp_path: Path) -> None:
    project = tmp_path / "suites"
    shutil.copytree(PROJECT, project)
    suite = project / "expectations" / "flight_delay_raw_planes.json"
    suite.write_text(suite.read_text().replace('"column": "seats", "min_value"', '"column": "chairs", "min_value"'))
    rooms = DataRooms(after_january.home, suite_validator(project / "expectations"))  # noqa: F811
    rooms.collect("2013-02")
    with pytest.raises(BrokenCheckError, match=r"planes\.chairs.*the check broke: there is no column \['chairs'\]"):
        rooms.gate("raw", "2013-02")
    assert quarantined(rooms) == []
    assert (rooms.staging("2013-02") / "raw" / "planes.parquet").is_file()


def test_a_table_without_a_suite_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"nobody_raw_flights\.json"):
        suite_validator().validate("nobody", "raw", "2013-01", {"flights": tmp_path / "flights.parquet"}, {})


def test_a_run_writes_nothing_into_the_project(after_january: DataRooms) -> None:
    before = {path: path.read_bytes() for path in PROJECT.rglob("*") if path.is_file()}
    after_january.publish("2013-02")
    assert {path: path.read_bytes() for path in PROJECT.rglob("*") if path.is_file()} == before


def test_the_project_opens_in_great_expectations_itself(tmp_path: Path) -> None:
    import great_expectations as gx

    shutil.copytree(PROJECT, tmp_path / "gx")
    context = gx.get_context(mode="file", context_root_dir=str(tmp_path / "gx"))
    assert sorted(suite.name for suite in context.suites.all()) == sorted(
        path.stem for path in PROJECT.glob("expectations/*.json")
    )


def test_suites_have_unique_stable_ids() -> None:
    for path in PROJECT.glob("expectations/*.json"):
        ids = [one["id"] for one in json.loads(path.read_text())["expectations"]]
        assert len(set(ids)) == len(ids), path.name


def test_git_ignores_nothing_of_the_project() -> None:
    ignored = subprocess.run(
        ["git", "-C", str(PROJECT), "check-ignore", *map(str, PROJECT.glob("expectations/*.json"))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ignored.stdout == ""


def quarantined(of: DataRooms) -> list[str]:
    """Period and gate of everything that is held back."""
    return sorted(f"{p.parts[-3]}/{p.parts[-2]}" for p in of.quarantine.glob("*/*/reasons.json"))
