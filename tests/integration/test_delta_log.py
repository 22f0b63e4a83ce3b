"""A damaged log of a table: what was committed is read, or an error names the entry; no commit goes silently."""

import logging
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from include.adapters.lake import DeltaLake
from include.contracts.period import Period
from include.errors import DamagedStateError
from include.formats import delta_log
from include.formats.delta_log import COPIES, LOG
from tests.unit.fakes.damage import KINDS, MISSING, damage

pytestmark = pytest.mark.integration
MONTHS = [Period(f"2013-{month:02d}") for month in range(1, 5)]
USE, TABLE = "cats", "events"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four months, each of one row more; then a fifth commit."""
    root = tmp_path_factory.mktemp("written")
    made = DeltaLake(root)
    for count, month in enumerate(MONTHS, start=1):
        made.publish(USE, TABLE, rows(count), month)
    made.append(USE, TABLE, rows(7).append_column("period", pa.array([MONTHS[0]] * 7)))
    return root


@pytest.fixture
def lake(written: Path, tmp_path: Path) -> DeltaLake:
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    return DeltaLake(tmp_path)


def rows(count: int) -> pa.Table:
    return pa.table({"id": [f"e{n}" for n in range(count)]})


def home(tmp_path: Path) -> Path:
    return tmp_path / USE / TABLE


def entries(tmp_path: Path) -> list[Path]:
    return sorted((home(tmp_path) / LOG).glob("*.json"))


def counted(lake: DeltaLake) -> tuple[int, int]:
    """The version and the rows of the table."""
    return lake.version(USE, TABLE), lake.read(USE, TABLE).num_rows


@pytest.mark.parametrize("which", [0, 2, -1], ids=["first", "middle", "last"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_entry_is_put_back(
    lake: DeltaLake, tmp_path: Path, kind: str, which: int, caplog: pytest.LogCaptureFixture
) -> None:
    before = counted(lake)
    entry = entries(tmp_path)[which]
    content = entry.read_bytes()
    damage(entry, kind)
    with caplog.at_level(logging.ERROR):
        assert counted(DeltaLake(tmp_path)) == before
    assert [str(entry) in record.message for record in caplog.records] == [True]
    assert entry.read_bytes() == content
    assert len(delta_log.restored(tmp_path)) == (kind != MISSING)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("one bit")])
def test_without_a_copy_an_error_names_the_entry(lake: DeltaLake, tmp_path: Path, kind: str) -> None:
    entry = entries(tmp_path)[2]
    copy = home(tmp_path) / COPIES / f"{entry.name}.good"
    copy.write_bytes(b"")
    damage(entry, kind)
    with pytest.raises(DamagedStateError, match=rf"{entry} (is|was)"):
        counted(lake)
    assert lake.read(USE, TABLE, version=1).num_rows == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_copy_is_made_again(lake: DeltaLake, tmp_path: Path, kind: str) -> None:
    before = counted(lake)
    copy = home(tmp_path) / COPIES / f"{entries(tmp_path)[2].name}.good"
    content = copy.read_bytes()
    damage(copy, kind)
    delta_log._proved.clear()
    assert counted(lake) == before
    assert copy.read_bytes() == content


def test_a_table_whose_log_is_gone_is_none_that_is_new(lake: DeltaLake, tmp_path: Path) -> None:
    before = counted(lake)
    for entry in entries(tmp_path):
        entry.unlink()
    assert lake.exists(USE, TABLE)
    lake.publish(USE, TABLE, rows(9), Period("2013-09"))
    assert counted(lake) == (before[0] + 1, before[1] + 9)


@pytest.fixture
def long(lake: DeltaLake) -> DeltaLake:
    """A log with a checkpoint before its last entry."""
    lake._open(USE, TABLE).delta.create_checkpoint()
    lake.append(USE, TABLE, rows(1).append_column("period", pa.array([MONTHS[0]])))
    assert lake.version(USE, TABLE) == 6
    return lake


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["*.checkpoint.parquet", "_last_checkpoint"])
def test_a_damaged_checkpoint_costs_nothing(long: DeltaLake, tmp_path: Path, name: str, kind: str) -> None:
    before = counted(long)
    (file,) = (home(tmp_path) / LOG).glob(name)
    damage(file, kind)
    assert counted(DeltaLake(tmp_path)) == before
    assert len(long.describe(USE, TABLE).commits) == before[0] + 1


def test_a_table_of_an_earlier_release_gets_its_copies_when_it_is_read(lake: DeltaLake, tmp_path: Path) -> None:
    for copy in (home(tmp_path) / COPIES).iterdir():
        copy.unlink()
    delta_log._proved.clear()
    before = counted(lake)
    damage(entries(tmp_path)[-1], "empty")
    assert counted(lake) == before


def test_nothing_that_cleans_up_takes_the_copies(lake: DeltaLake, tmp_path: Path) -> None:
    before = sorted((home(tmp_path) / COPIES).iterdir())
    lake.publish(USE, TABLE, rows(3), MONTHS[0])
    lake.vacuum(USE, TABLE)
    lake.prune(USE, TABLE, [])
    assert set(before) <= set((home(tmp_path) / COPIES).iterdir())
