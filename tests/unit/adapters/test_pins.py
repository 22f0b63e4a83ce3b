"""Which versions the offline store reads: those of the current manifests, found by the index where it knows them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.adapters.asof.pins import pins as pinned
from include.adapters.file_locks import FileLocks
from include.adapters.file_state import FileState
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef, TableRef
from include.data.manifests import Snapshots, Turn
from include.errors import DamagedStateError
from include.formats import state_file

DAYS = Period.ranged("2013-01-30..2013-02-02")


def ref(version: int) -> TableRef:
    return TableRef(table="weather", version=version, rows=version, content_hash=f"{version:064x}")


def snapshot(day: Period, version: int) -> SnapshotRef:
    name = f"{day}-{version:012d}"
    return SnapshotRef(usecase="cats", period=day, name=name, tables={"weather": ref(version)})


def publish(manifests: Snapshots, day: Period, version: int) -> None:
    one = snapshot(day, version)
    manifests.keep(one)
    manifests.make_current(one, Turn(name=one.name, at="2013-03-01T00:00:00Z", by="", why="published"))  # type: ignore[arg-type]


@pytest.fixture
def manifests(tmp_path: Path) -> Snapshots:
    made = Snapshots("cats", FileState(tmp_path, FileLocks(tmp_path)), FileLocks(tmp_path))
    for version, day in enumerate(DAYS):
        publish(made, day, version)
    return made


def pins(home: Path) -> dict[Period, TableRef]:
    store: Any = SimpleNamespace(pins=None, snapshots=str(home / "snapshots"))
    return pinned("cats", "weather", store)


def test_no_manifest_that_the_index_holds_is_opened(
    tmp_path: Path, manifests: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = state_file.read
    monkeypatch.setattr(state_file, "read", lambda file: (read.append(file.name), real(file))[1])
    assert pins(tmp_path) == {day: ref(version) for version, day in enumerate(DAYS)}
    assert read == ["2013-01.json", "2013-02.json"], "one index a month"


def test_a_manifest_that_changed_since_is_read_itself(tmp_path: Path, manifests: Snapshots) -> None:
    manifests.replace(f"{DAYS[1]}.json", snapshot(DAYS[1], 9))  # as a kill before the index leaves it
    assert pins(tmp_path)[DAYS[1]] == ref(9)


def test_a_damaged_index_hides_nothing_and_a_damaged_manifest_is_said(tmp_path: Path, manifests: Snapshots) -> None:
    room = tmp_path / "snapshots" / "cats"
    for file in [*(room / "index").glob("*.json"), *(room / "index").glob(".*.good")]:
        file.write_text("{")
    assert pins(tmp_path) == {day: ref(version) for version, day in enumerate(DAYS)}
    for file in (room / f"{DAYS[0]}.json", room / f".{DAYS[0]}.json.good"):
        file.write_text("{")
    with pytest.raises(DamagedStateError, match="2013-01-30"):
        pins(tmp_path)
