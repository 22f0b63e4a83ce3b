"""Two snapshots compared on their files: what was added, removed, changed; schema; distributions."""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from include.adapters.lake import DeltaLake
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef
from include.data import difference, versioning
from include.data import staging as stage
from include.data.difference import TableDifference, compare
from include.specification.loader import load_usecase
from tests.integration.state_fixtures import snapshots_in
from tests.unit.development.frames import events

pytestmark = pytest.mark.integration
SPEC, MONTH = load_usecase("flight_delay"), Period("2013-01")


class World:
    def __init__(self, home: Path) -> None:
        self.home, self.lake = home, DeltaLake(home / "lake")

    def publish(self, **tables: pd.DataFrame) -> SnapshotRef:
        arrow = {name: pa.Table.from_pandas(frame, preserve_index=False) for name, frame in tables.items()}
        stage.replace(self.home / "staging", stage.TABLES, arrow)
        stage.mark_passed(self.home / "staging")
        return versioning.publish(SPEC, MONTH, self.home / "staging", self.lake, snapshots_in(self.home))

    def compare(self, before: SnapshotRef, after: SnapshotRef) -> dict[str, TableDifference]:
        return {one.table: one for one in compare(SPEC, self.lake, before, after, "500MB")}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def flights() -> pd.DataFrame:
    return events(MONTH).drop(columns="period")


def test_rows_are_told_apart_by_their_key(world: World) -> None:
    old, new = flights(), flights()
    new.loc[:9, "distance"] += 1
    new.loc[5:14, "carrier"] = None
    new = pd.concat([new.iloc[:-20], new.iloc[:3].assign(flight_id=["x", "y", "z"])])
    found = world.compare(world.publish(events=old), world.publish(events=new))["events"]
    assert (found.key, found.before, found.after) == (["flight_id"], 700, 683)
    assert (found.added, found.removed, found.changed) == (3, 20, 15)
    assert found.changed_columns == {"carrier": 10, "distance": 10}
    assert not found.same


def test_a_shift_shows_in_its_column_only(world: World) -> None:
    old, new = flights(), flights()
    new["distance"] += 700
    new["dest"] = np.where(new.index % 2, new["dest"], "SFO")
    old["precip"], new["precip"] = 0.0, np.where(new.index % 3, 0.0, 0.2)
    old["seats"], new["seats"] = 5.0, np.where(new.index % 2, np.nan, 5.0)
    psi = world.compare(world.publish(events=old), world.publish(events=new))["events"].psi
    assert min(psi[name] for name in ("distance", "dest", "precip", "seats")) > 0.25
    assert {name for name, value in psi.items() if value > 0.01} == {"distance", "dest", "precip", "seats"}
    assert psi["late"] == psi["label_timestamp"] == 0


def test_the_schema_is_compared(world: World) -> None:
    old = flights()
    before = world.publish(events=old, planes=pd.DataFrame({"tailnum": ["N1"]}))
    after = world.publish(events=old.assign(gate=1).drop(columns="dest"), weather=pd.DataFrame({"origin": ["JFK"]}))
    found = world.compare(before, after)
    assert (found["events"].columns_added, found["events"].columns_removed) == (["gate"], ["dest"])
    assert (found["events"].added, found["events"].removed, found["events"].changed) == (0, 0, 0)
    assert (found["planes"].removed, found["weather"].added) == (1, 1)


def test_without_a_unique_key_rows_count_as_a_whole(world: World) -> None:
    old = pd.DataFrame({"tailnum": ["N1", "N1", "N2"], "seats": [1.0, 1.0, 2.0]})
    new = pd.DataFrame({"tailnum": ["N1", "N2", "N2"], "seats": [1.0, 2.0, np.nan]})
    found = world.compare(world.publish(planes=old), world.publish(planes=new))["planes"]
    assert (found.key, found.added, found.removed, found.changed) == ([], 1, 1, 0)
    unique = world.compare(world.publish(planes=old[1:]), world.publish(planes=new[:2]))["planes"]
    assert (unique.same, unique.added, unique.removed) == (True, 0, 0)


def test_the_same_content_and_no_rows_at_all_are_fine(world: World) -> None:
    old = flights()
    before = world.publish(events=old)
    assert world.compare(before, before)["events"].same
    found = world.compare(before, world.publish(events=old.iloc[:0]))["events"]
    assert (found.removed, found.psi) == (700, {})
    assert "EWR" not in found.model_dump_json()


def test_the_same_two_snapshots_always_differ_by_the_same() -> None:
    with duckdb.connect() as connection:
        for side, modulus in ((difference.BEFORE, 999_983), (difference.AFTER, 999_979)):
            connection.execute(f"CREATE TABLE {side} AS SELECT hash(range) % {modulus} AS x FROM range(1_000_000)")
        assert len({str(difference._numeric_shifts(connection, {"x": "UBIGINT"})) for _ in range(4)}) == 1
