"""Real encrypted files: only the recipient opens them, and only as they were written."""

import base64
import json
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from include.adapters import export_files
from include.adapters.export_files import ExportFiles, fingerprint, new_private_key, public_key
from include.commands import exports as command
from include.contracts.governance import ExportManifest
from include.errors import ExportFileError, NotFoundError, SettingsError
from include.ports.exports import ExportTable
from include.settings import Settings

pytestmark = pytest.mark.integration
ROWS = pa.table({"tailnum": [f"N{i:05d}" for i in range(5000)], "seats": list(range(5000))})


def manifest(key: str, name: str = "one") -> ExportManifest:
    return ExportManifest(
        usecase="flight_delay", name=name, kind="export", recipient="ada", fingerprint=fingerprint(key),
        periods=["2013-01", "2013-02"], reason="why", requested_by="bob", approved_by="eve",
        created_at="2026-01-01T00:00Z",
    )  # fmt: skip


def tables(rows: pa.Table = ROWS) -> list[ExportTable]:
    return [ExportTable("events", m, rows.schema, rows.to_batches(1000)) for m in ("2013-01", "2013-02")]


@pytest.fixture
def private() -> str:
    return new_private_key()


@pytest.fixture
def files(tmp_path: Path, private: str) -> ExportFiles:
    """An exchange with one export."""
    exchange = ExportFiles(tmp_path / "exchange")
    exchange.write(manifest(public_key(private)), public_key(private), tables())
    return exchange


def place(tmp_path: Path, name: str = "one") -> Path:
    return tmp_path / "exchange" / "flight_delay" / name


def opened(files: ExportFiles, private: str, tmp_path: Path, name: str = "one") -> ExportManifest:
    return files.unpack("flight_delay", name, private, tmp_path / "open")


def test_the_recipient_reads_what_was_written(files: ExportFiles, private: str, tmp_path: Path) -> None:
    found = opened(files, private, tmp_path)
    assert (found.rows, [f.path for f in found.files]) == (10_000, ["2013-01/events.parquet", "2013-02/events.parquet"])
    assert pq.read_table(tmp_path / "open" / "2013-02" / "events.parquet") == ROWS


def test_nothing_stands_in_clear(files: ExportFiles, tmp_path: Path) -> None:
    content = b"".join(p.read_bytes() for p in place(tmp_path).rglob("*.parquet"))
    assert b"N00001" not in content
    assert b"tailnum" not in content, "the footer with the column names is encrypted too"


def test_the_files_are_of_a_standard_that_others_read(private: str, tmp_path: Path) -> None:
    """DuckDB opens a file with its unsealed key."""
    exchange = ExportFiles(tmp_path / "exchange")
    written = exchange.write(manifest(public_key(private)), public_key(private), tables())
    sealed = base64.b64decode(json.loads((place(tmp_path) / "export.json").read_text())["sealed"])
    loaded = X25519PrivateKey.from_private_bytes(base64.b64decode(private))
    keys = json.loads(export_files.SUITE.decrypt(sealed, loaded, info=written.digest.encode()))
    path = "2013-01/events.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"PRAGMA add_parquet_key('k', '{keys[path]}')")
        query = (
            f"SELECT sum(seats) FROM read_parquet('{place(tmp_path) / path}', encryption_config = {{footer_key: 'k'}})"
        )
        assert connection.sql(query).to_arrow_table().column(0).to_pylist() == [sum(range(5000))]
    assert len(set(keys.values())) == 2, "a key per file"


def test_another_key_is_told_from_an_altered_file(files: ExportFiles, tmp_path: Path) -> None:
    with pytest.raises(ExportFileError, match=r"is for ada \(key .{16}\), but the key here is .{16}"):
        opened(files, new_private_key(), tmp_path)
    assert not (tmp_path / "open").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[: len(content) // 2], "was truncated or altered: .* bytes instead of"),
        (lambda content: content[:500] + bytes([content[500] ^ 1]) + content[501:], "was altered: its SHA-256"),
        (lambda content: b"", "was truncated or altered: 0 bytes"),
    ],
)
def test_a_damaged_file_is_named_and_nothing_is_written(
    files: ExportFiles, private: str, tmp_path: Path, damage: object, message: str
) -> None:
    file = place(tmp_path) / "2013-02" / "events.parquet"
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]
    with pytest.raises(ExportFileError, match=rf"2013-02/events\.parquet {message}"):
        opened(files, private, tmp_path)
    assert not (tmp_path / "open").exists()


def test_a_missing_file_is_named(files: ExportFiles, private: str, tmp_path: Path) -> None:
    (place(tmp_path) / "2013-01" / "events.parquet").unlink()
    with pytest.raises(ExportFileError, match=r"2013-01/events\.parquet does not exist"):
        opened(files, private, tmp_path)


def test_the_files_of_two_exports_cannot_be_exchanged(files: ExportFiles, private: str, tmp_path: Path) -> None:
    key = public_key(private)
    files.write(manifest(key, "two"), key, tables(ROWS.slice(0, 10)))
    stolen = (place(tmp_path, "two") / "export.json").read_bytes()
    (place(tmp_path, "one") / "export.json").write_bytes(stolen)
    with pytest.raises(ExportFileError, match="truncated or altered"):
        opened(files, private, tmp_path)


@pytest.mark.parametrize(
    ("old", "new"), [('"why"', '"another"'), ('"rows": 5000', '"rows": 5'), ('"eve"', '"mallory"')]
)
def test_an_altered_manifest_does_not_open(
    files: ExportFiles, private: str, tmp_path: Path, old: str, new: str
) -> None:
    path = place(tmp_path) / "export.json"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ExportFileError, match=r"export\.json was altered after it was sealed"):
        opened(files, private, tmp_path)


def test_a_manifest_cannot_lead_out_of_the_directory(files: ExportFiles, private: str, tmp_path: Path) -> None:
    path = place(tmp_path) / "export.json"
    path.write_text(path.read_text().replace('"events"', '"../../events"'))
    with pytest.raises(ExportFileError, match=r"export\.json cannot be read"):
        opened(files, private, tmp_path)


def test_a_half_written_manifest_is_named(files: ExportFiles, private: str, tmp_path: Path) -> None:
    path = place(tmp_path) / "export.json"
    path.write_text(path.read_text()[:100])
    with pytest.raises(ExportFileError, match=r"export\.json cannot be read"):
        opened(files, private, tmp_path)


def test_an_export_that_breaks_leaves_nothing(tmp_path: Path, private: str) -> None:
    def broken() -> object:
        yield ROWS.to_batches()[0]
        raise OSError("the source went away")

    exchange, key = ExportFiles(tmp_path / "exchange"), public_key(private)
    with pytest.raises(OSError, match="went away"):
        exchange.write(manifest(key), key, [ExportTable("events", "2013-01", ROWS.schema, broken())])
    assert list((tmp_path / "exchange" / "flight_delay").iterdir()) == []


def test_writing_it_again_leaves_it_as_it_is(files: ExportFiles, private: str, tmp_path: Path) -> None:
    before = {p: p.read_bytes() for p in place(tmp_path).rglob("*") if p.is_file()}
    again = files.write(manifest(public_key(private)), public_key(private), tables(ROWS.slice(0, 1)))
    assert again == files.manifest("flight_delay", "one")
    assert {p: p.read_bytes() for p in place(tmp_path).rglob("*") if p.is_file()} == before


def test_an_export_that_there_is_not_is_refused_with_those_that_there_are(files: ExportFiles, private: str) -> None:
    with pytest.raises(NotFoundError, match=r"three is not an export; flight_delay has \['one'\]"):
        files.unpack("flight_delay", "three", private, Path("/nowhere"))


def test_a_text_that_is_no_key_is_refused_without_showing_it(files: ExportFiles, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="the private key is not 32 bytes in base64") as caught:
        opened(files, "c2VjcmV0", tmp_path)
    assert "c2VjcmV0" not in str(caught.value)


def test_a_person_makes_a_key_and_opens_an_export(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    private = command.new_key(settings, "ada").splitlines()[1].partition("=")[2]
    key = ExportFiles(settings.exchange).recipient_key("ada")
    ExportFiles(settings.exchange).write(manifest(key), key, tables())
    mine = Settings(home=tmp_path, private_key=private)
    assert command.unpack(mine, "flight_delay", "one", tmp_path / "out").startswith("10000 rows in 2 files")
    assert pq.read_table(tmp_path / "out" / "2013-01" / "events.parquet") == ROWS
    with pytest.raises(SettingsError, match="exists already"):
        command.unpack(mine, "flight_delay", "one", tmp_path / "out")
    with pytest.raises(ExportFileError, match="is for ada"):
        command.unpack(Settings(home=tmp_path, private_key=new_private_key()), "flight_delay", "one", tmp_path / "new")
    assert not (tmp_path / "new").exists()
