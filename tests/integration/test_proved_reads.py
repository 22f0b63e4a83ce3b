"""One flipped bit, anywhere in a stored file: the same data or a named error, never other data."""

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake.exceptions import CommitFailedError

from include.adapters.export_files import ExportFiles, fingerprint, new_private_key, public_key
from include.adapters.lake import DeltaLake, commits
from include.adapters.lake.table import Table
from include.contracts.governance import ExportManifest
from include.contracts.period import Period
from include.contracts.tables import RowFilter, SnapshotRef
from include.data import staging as stage
from include.data import versioning
from include.deployment import release
from include.errors import DamagedFileError, DamagedReleaseError, ExportFileError, MoebiusError
from include.formats.proved_parquet import Held, held, named_digest
from include.loop.scrub import _unzips
from include.ports.exports import ExportTable
from include.specification.loader import load_usecase
from tests.integration.state_fixtures import snapshots_in

pytestmark = pytest.mark.integration
SPEC, MAY = load_usecase("flight_delay"), Period("2013-05")
EVENTS = pa.table({"id": [f"flight {n:04d}" for n in range(1500)], "delay": [float(n % 97) for n in range(1500)]})
BITS = 25


class Stored(NamedTuple):
    """A file, how it is read, and the only errors that reading it may raise."""

    file: Path
    read: Callable[[], Any]
    errors: tuple[type[MoebiusError], ...]


@contextmanager
def flipped(file: Path, place: int) -> Iterator[None]:
    content = file.read_bytes()
    changed = bytearray(content)
    changed[place] ^= 1 << (place % 8)
    file.write_bytes(changed)
    try:
        yield
    finally:
        file.write_bytes(content)


def places(file: Path) -> list[int]:
    """Bytes all over the file, and of its end, where Parquet keeps statistics and ZIP its directory."""
    size = file.stat().st_size
    return sorted({*(size * n // BITS for n in range(BITS)), *range(max(0, size - 40), size, 4)})


def publish(home: Path, rows: pa.Table = EVENTS) -> SnapshotRef:
    stage.replace(home / "staging", stage.TABLES, {"events": rows})
    stage.mark_passed(home / "staging")
    return versioning.publish(SPEC, MAY, home / "staging", DeltaLake(home / "lake"), snapshots_in(home))


def parquet_file(home: Path) -> Path:
    (rows,) = DeltaLake(home / "lake").files(SPEC.name, "events", [MAY])
    return Path(rows.file)


def pinned_rows(home: Path) -> Stored:
    snapshot, lake = publish(home), DeltaLake(home / "lake")
    return Stored(parquet_file(home), lambda: versioning.read(snapshot, "events", lake), (DamagedFileError,))


def newest_rows(home: Path) -> Stored:
    publish(home)
    wanted = RowFilter(at_least={"delay": 90.0}, order=["delay"])  # DuckDB skips row groups by their statistics
    return Stored(
        parquet_file(home), lambda: DeltaLake(home / "lake").select(SPEC.name, "events", wanted), (DamagedFileError,)
    )


def appended_records(home: Path) -> Stored:
    lake = DeltaLake(home / "lake")
    lake.append(SPEC.name, "log", pa.table({"period": [MAY] * 50, "n": range(50)}))
    lake.append(SPEC.name, "log", pa.table({"period": [MAY] * 50, "n": range(50, 100)}))
    file = Path(lake.files(SPEC.name, "log", [MAY])[0].file)
    return Stored(file, lambda: lake.read(SPEC.name, "log", [MAY]), (DamagedFileError,))


def staged_table(home: Path) -> Stored:
    stage.replace(home, stage.RAW, {"flights": EVENTS})
    read = lambda: pq.read_table(stage.path(home, stage.RAW, "flights"))  # noqa: E731
    return Stored(home / stage.RAW / "flights.parquet", read, (DamagedFileError,))


def sealed_release(home: Path) -> Path:
    (home / "model.onnx").write_bytes(bytes(range(256)) * 8)
    facts = {"usecase": "u", "model_version": 3, "encoding": {"features": [{"name": "a", "codes": {"x": 1.5}}]}}
    release.seal(home, facts)
    return home


def release_model(home: Path) -> Stored:
    sealed_release(home)

    def verified() -> bytes:
        release.verify(home)
        return (home / "model.onnx").read_bytes()

    return Stored(home / "model.onnx", verified, (DamagedReleaseError,))


def exported(home: Path) -> tuple[ExportFiles, str, Path]:
    private = new_private_key()
    manifest = ExportManifest(
        usecase="u", name="one", kind="export", recipient="ada", fingerprint=fingerprint(public_key(private)),
        periods=[MAY], reason="why", requested_by="bob", approved_by="eve", created_at="2026-01-01T00:00Z",
    )  # fmt: skip
    exports, table = ExportFiles(home), ExportTable("events", MAY, EVENTS.schema, EVENTS.to_batches())
    exports.write(manifest, public_key(private), [table])
    return exports, private, home / "u" / "one"


def export_file(home: Path) -> Stored:
    exports, private, place = exported(home)

    def opened() -> pa.Table:
        exports.unpack("u", "one", private, home / "open")
        return pq.read_table(home / "open" / MAY / "events.parquet", partitioning=None)

    return Stored(place / MAY / "events.parquet", opened, (ExportFileError,))


def export_manifest(home: Path) -> Stored:
    exports, private, place = exported(home)

    def opened() -> pa.Table:
        exports.unpack("u", "one", private, home / "open")
        return pq.read_table(home / "open" / MAY / "events.parquet", partitioning=None)

    return Stored(place / "export.json", opened, (ExportFileError,))


def edge_bundle(home: Path) -> Stored:
    file = home / "r0001.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as whole:
        whole.writestr("u-r0001/model.onnx", bytes(range(256)) * 8)

    def unzipped() -> bytes:
        _unzips(file)
        with zipfile.ZipFile(file) as whole:
            return whole.read(whole.namelist()[0])

    return Stored(file, unzipped, (DamagedFileError,))


KINDS = (
    pinned_rows, newest_rows, appended_records, staged_table, release_model, export_file,
    export_manifest, edge_bundle,
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_flipped_bit_is_an_error_or_changes_nothing(kind: Callable[[Path], Stored], tmp_path: Path) -> None:
    stored = kind(tmp_path)
    whole, messages = stored.read(), []
    for place in places(stored.file):
        with flipped(stored.file, place):
            try:
                assert stored.read() == whole, f"byte {place} of {stored.file.name}: other data"
            except stored.errors as error:
                messages.append(str(error))
    assert len(messages) > BITS // 2, "most bits matter"
    assert [text for text in messages if stored.file.parent.name not in text] == [], "each names the place"
    assert stored.read() == whole, "the file as it was is read again"


def test_the_log_names_the_hash_of_every_file_and_the_file_that_of_its_rows(tmp_path: Path) -> None:
    snapshot = publish(tmp_path)
    file = parquet_file(tmp_path)
    assert named_digest(file)
    ref = snapshot.tables["events"]
    assert held(str(file)) == {MAY: Held(ref.rows, ref.content_hash)}


@pytest.mark.parametrize("damage", ["truncated", "emptied", "gone"])
def test_a_file_that_is_not_whole_is_named_with_the_way_out(tmp_path: Path, damage: str) -> None:
    snapshot, file = publish(tmp_path), parquet_file(tmp_path)
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-7] if damage == "truncated" else b"")
    lake = DeltaLake(tmp_path / "lake")
    for read in (lambda: lake.read(SPEC.name, "events"), lambda: versioning.read(snapshot, "events", lake)):
        with pytest.raises(DamagedFileError, match=rf"flight_delay\.events.*{MAY}.*data_pipeline for {MAY}") as error:
            read()
        assert file.name in str(error.value)


def test_a_file_that_no_commit_names_is_not_read(tmp_path: Path) -> None:
    publish(tmp_path)
    file = parquet_file(tmp_path)
    shutil.copy(file, file.with_name(f"x{file.name}"))
    assert DeltaLake(tmp_path / "lake").read(SPEC.name, "events").num_rows == EVENTS.num_rows


def test_a_damaged_month_is_published_again_and_its_snapshot_names_the_new_file(tmp_path: Path) -> None:
    before, file = publish(tmp_path), parquet_file(tmp_path)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)
    lake = DeltaLake(tmp_path / "lake")
    with pytest.raises(DamagedFileError, match=file.name):
        versioning.restore(before.name, lake, snapshots_in(tmp_path), by="ada", why="test")
    after = publish(tmp_path)
    assert after.name == before.name
    assert after.tables["events"].version > before.tables["events"].version
    assert versioning.named(before.name, snapshots_in(tmp_path)) == after
    assert versioning.read(after, "events", lake).num_rows == EVENTS.num_rows
    assert versioning.restore(before.name, lake, snapshots_in(tmp_path), by="ada", why="test") == after


def test_rows_that_are_not_the_pinned_ones_are_refused(tmp_path: Path) -> None:
    publish(tmp_path)
    other = publish(tmp_path, EVENTS.slice(1))
    ref = other.tables["events"]
    lake = DeltaLake(tmp_path / "lake")
    with pytest.raises(DamagedFileError, match="has 1500 rows, 1499 were pinned"):
        lake.pinned(
            SPEC.name, "events", {MAY: ref.model_copy(update={"version": ref.version - 1, "content_hash": "0"})}
        )
    with pytest.raises(DamagedFileError, match="have the content hash"):
        lake.pinned(SPEC.name, "events", {MAY: ref.model_copy(update={"content_hash": "0" * 64})})


def test_rows_of_before_names_had_hashes_are_proved_by_what_was_pinned(tmp_path: Path) -> None:
    """As earlier versions wrote them: deltalake's own files, pinned by the hash of their rows."""
    from deltalake import write_deltalake

    lake, table = DeltaLake(tmp_path), tmp_path / "u" / "t"
    ref = lake.publish("u", "t", EVENTS, MAY)
    shutil.rmtree(table)
    dated = EVENTS
    for column in ("period", "part"):
        dated = dated.append_column(column, pa.array([MAY] * EVENTS.num_rows))
    write_deltalake(str(table), dated, partition_by=["part"])
    old = ref.model_copy(update={"version": 0})
    ((file, _),) = lake.pinned("u", "t", {MAY: old})
    assert named_digest(file) is None
    table_rows = pq.read_table(file, partitioning=None)
    pq.write_table(table_rows.set_column(1, "delay", pa.array([0.0] * EVENTS.num_rows)), file)
    with pytest.raises(DamagedFileError, match="content hash"):
        lake.pinned("u", "t", {MAY: old})


def test_of_two_first_writers_of_a_month_one_loses(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path)
    lake.publish("u", "t", EVENTS, MAY)
    june = Period("2013-06")
    one, two = (Table(tmp_path / "u" / "t") for _ in range(2))
    contents = {june: commits.Content(EVENTS.to_batches(), EVENTS.schema, EVENTS.num_rows)}
    commits.replace(one, contents, one.schema, {})
    with pytest.raises(CommitFailedError):
        commits.replace(two, contents, two.schema, {})
    assert lake.read("u", "t", [june]).num_rows == EVENTS.num_rows


def test_months_that_are_deleted_are_not_read(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path)
    lake.publish("u", "t", EVENTS, MAY)
    lake.publish("u", "t", EVENTS, Period("2013-06"))
    Path(lake.files("u", "t", [MAY])[0].file).write_bytes(b"damaged")
    assert lake.delete("u", "t", "period < '2013-06'") == EVENTS.num_rows
    assert lake.periods("u", "t") == ["2013-06"]


def test_sums_stand_beside_staged_tables_as_others_read_them(tmp_path: Path) -> None:
    stage.replace(tmp_path, stage.RAW, {"flights": EVENTS})
    line = (tmp_path / stage.RAW / "SHA256SUMS").read_text()
    assert line.endswith("  flights.parquet\n")
    assert json.dumps(line.split()[0]).isascii()
