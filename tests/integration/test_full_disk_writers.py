"""Whoever writes to a full disk says which disk; what was there before stays, and the same works once there is room.

Room for a part is the harder case: half a file is written, and must not count.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.adapters import export_files
from include.contracts.period import Period
from include.contracts.streaming import UnreadableRecord
from include.errors import DiskFullError
from include.services.composition import Services
from include.services.disks import naming_full_disks
from include.settings import Settings
from tests.integration.small_disk_fixtures import PIECE, SmallDisk, mounted
from tests.integration.test_export_files import manifest

pytestmark = pytest.mark.integration
APRIL, MAY = Period("2013-04"), Period("2013-05")
FULL: dict[str, Callable[[SmallDisk], AbstractContextManager[None]]] = {
    "no byte": lambda disk: disk.full(),
    "too few bytes": lambda disk: disk.full(but=3 * PIECE),
    "no inode": lambda disk: disk.full_of_files(),
}


def rows(seed: int, count: int = 20_000) -> pa.Table:
    """Numbers that do not compress: 160 kB."""
    return pa.table({"x": np.random.default_rng(seed).normal(size=count)})


class Lake:
    """One table of the lake."""

    def __init__(self, services: Services, change: Callable[[Any, pa.Table], object]) -> None:
        self.lake, self.change, self.number = services.adapters.lake, change, 0
        self.lake.publish("u", "t", rows(0), APRIL)

    def write(self) -> None:
        self.number += 1
        self.change(self.lake, rows(self.number))

    def seen(self) -> object:
        table = self.lake.read("u", "t")
        return table.num_rows, round(float(np.sum(table["x"].to_numpy())), 6)


class State:
    """One small file."""

    def __init__(self, services: Services, _: object = None) -> None:
        self.state, self.number = services.adapters.state, 0
        self.write()

    def write(self) -> None:
        self.number += 1
        self.state.put("rollouts/u.json", f"{self.number:08d}" * 8192)

    def seen(self) -> object:
        value = self.state.get("rollouts/u.json")
        return value and value.text[:8]


class Unreadable:
    """Records that were kept aside."""

    def __init__(self, services: Services, _: object = None) -> None:
        self.aside, self.number = services.adapters.unreadable_records("u", "log"), 0
        self.write()

    def write(self) -> None:
        self.number += 1
        self.aside.keep([UnreadableRecord.of(f"a:{self.number}-{i}", "why", b"x" * 4000) for i in range(20)])

    def seen(self) -> object:
        return self.aside.count(), [record.source for record in self.aside.newest()]


class Exports:
    """Encrypted files for a recipient."""

    def __init__(self, services: Services, _: object = None) -> None:
        self.exports = export_files.ExportFiles(services.settings.home / "exchange")
        self.key, self.number = export_files.public_key(export_files.new_private_key()), 0

    def write(self) -> None:
        self.number += 1
        table = rows(self.number)
        tables = [export_files.ExportTable("events", m, table.schema, table.to_batches(1000)) for m in (APRIL, MAY)]
        self.exports.write(manifest(self.key, f"e{self.number}"), self.key, tables)

    def seen(self) -> object:
        return self.exports.names("flight_delay")


class Opened:
    """An export that its recipient opens into a directory."""

    def __init__(self, services: Services, _: object = None) -> None:
        home, private = services.settings.home, export_files.new_private_key()
        self.exports, self.private, self.place = export_files.ExportFiles(home / "exchange"), private, home / "opened"
        key, table = export_files.public_key(private), rows(1)
        self.exports.write(
            manifest(key, "one"), key, [export_files.ExportTable("t", APRIL, table.schema, table.to_batches(1000))]
        )

    def write(self) -> None:
        self.exports.unpack("flight_delay", "one", self.private, self.place)

    def seen(self) -> object:
        return [pq.read_table(file).num_rows for file in self.place.rglob("*.parquet")]


WRITERS: dict[str, Callable[[Services], Any]] = {
    "publish": lambda services: Lake(services, lambda lake, table: lake.publish("u", "t", table, APRIL)),
    "publish another period": lambda services: Lake(services, lambda lake, table: lake.publish("u", "t", table, MAY)),
    "append": lambda services: Lake(
        services,
        lambda lake, table: lake.append("u", "t", table.append_column("period", [[APRIL] * table.num_rows])),
    ),
    "state": State,
    "unreadable records": Unreadable,
    "export": Exports,
    "open an export": Opened,
}


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    with mounted(tmp_path_factory.mktemp("full") / "home", "8m", inodes=1000) as small:
        yield small


@pytest.mark.parametrize("left", FULL)
@pytest.mark.parametrize("writer", WRITERS)
def test_half_a_write_never_counts(disk: SmallDisk, writer: str, left: str) -> None:
    home = disk.path / f"{writer}-{left}".replace(" ", "-")
    services = Services(Settings(home=home))
    home.mkdir()
    made = WRITERS[writer](services)
    before, files = made.seen(), everything(home)
    with FULL[left](disk), pytest.raises(DiskFullError, match=rf"{disk.path} .*are free") as refused:
        refused_to_write(services, made)
    assert refused.value.retryable
    assert made.seen() == before
    assert everything(home) <= files, "a part was left behind"
    made.write()
    assert made.seen() != before


def refused_to_write(services: Services, made: Any) -> None:
    with naming_full_disks(services.settings):
        made.write()


def everything(home: Path) -> set[Path]:
    """Files, but locks."""
    files = (path for path in home.rglob("*") if path.is_file())
    return {path for path in files if "lock" not in str(path.relative_to(home))}
