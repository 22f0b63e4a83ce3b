"""The flights from files of every kind: the same rows wherever they lie, and a fault is named without its values."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import include.usecases
from include.adapters.file_source.formats import BLOCK_BYTES
from include.contracts.calendar import Calendar
from include.contracts.period import Period
from include.data import ingestion, source_contract
from include.errors import MissingPeriodError, ServiceError, SettingsError, SourceError, SpecError
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.integration.api_fixtures import Api, api  # noqa: F401
from tests.integration.ports import free_port

pytestmark = pytest.mark.integration
SPEC = load_usecase("flight_delay")
FEBRUARY = Period("2013-02")
NOWHERE = Path("/nothing is delivered here")
SERVICES = Services(Settings(home=NOWHERE))


def only(spec: UseCase, *tables: str) -> UseCase:
    """The spec without its other tables."""
    return spec.model_copy(update={"sources": {table: spec.sources[table] for table in tables}})


def from_(table: str, connector: str = "file", **options: Any) -> UseCase:
    """The spec with another origin of one table."""
    changed = SPEC.sources[table].model_copy(update={"connector": connector, "options": options})
    return SPEC.model_copy(update={"sources": SPEC.sources | {table: changed}})


def rows(spec: UseCase, table: str, period: Period = FEBRUARY, landing: Path = NOWHERE) -> pa.Table:
    batches = ingestion.batches(spec, table, period, landing, SERVICES.adapters.connector)
    return pa.Table.from_batches(batches).sort_by([(name, "ascending") for name in spec.sources[table].key])


@pytest.fixture(scope="module")
def weather() -> pa.Table:
    """February's weather, from the package."""
    return rows(SPEC, "weather")


def as_csv(table: pa.Table) -> bytes:
    return table.to_pandas().to_csv(index=False).encode()


def as_jsonl(table: pa.Table) -> bytes:
    return "".join(json.dumps(row, default=datetime.isoformat) + "\n" for row in table.to_pylist()).encode()


def as_parquet(table: pa.Table) -> bytes:
    with io.BytesIO() as file:
        pq.write_table(table, file, row_group_size=500)
        return file.getvalue()


def zipped(content: bytes, *others: str, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w", compression) as archive:
            for name in ("inside.csv", "__MACOSX/._inside.csv", *others):
                archive.writestr(name, content)
        return file.getvalue()


def encrypted(archive: bytes) -> bytes:
    """Said to be so in the archive's directory, which is what is looked at."""
    place = archive.index(b"PK\x01\x02") + 8
    return archive[:place] + bytes([archive[place] | 1]) + archive[place + 1 :]


KINDS: dict[str, Callable[[pa.Table], bytes]] = {
    "weather.csv": as_csv,
    "weather.csv.gz": lambda table: gzip.compress(as_csv(table)),
    "weather.csv.zip": lambda table: zipped(as_csv(table)),
    "WEATHER.TSV.GZ": lambda table: gzip.compress(table.to_pandas().to_csv(index=False, sep="\t").encode()),
    "weather.jsonl": as_jsonl,
    "weather.jsonl.gz": lambda table: gzip.compress(as_jsonl(table)),
    "weather.parquet": as_parquet,
}


ROWS = [27004, 24951, 28834, 28330, 28796, 28243, 29425, 29327, 27574, 28889, 27268, 28135]


def test_the_local_month_is_the_archives_own_year_and_month() -> None:
    source = SPEC.sources["flights"]
    whole = SPEC.model_copy(update={"sources": {"flights": source.model_copy(update={"time": None})}})
    year = rows(whole, "flights")
    for period, count in zip(Period.between(Period("2013-01"), Period("2013-12")), ROWS, strict=True):
        wanted = source_contract.inside(
            year["time_hour"], Calendar(every="month", timezone=source.timezone).window(period)
        )
        month = year.filter(wanted)
        assert month.num_rows == count
        assert pc.unique(month["year"]).to_pylist() == [2013]
        assert pc.unique(month["month"]).to_pylist() == [period.nominal.month]


@pytest.mark.parametrize("name", KINDS)
def test_a_file_of_any_kind_gives_the_same_rows(tmp_path: Path, weather: pa.Table, name: str) -> None:
    (tmp_path / name).write_bytes(KINDS[name](weather))
    assert rows(from_("weather", path=str(tmp_path / name)), "weather").equals(weather)


@pytest.mark.parametrize("name", KINDS)
def test_an_object_store_gives_the_same_rows(weather: pa.Table, name: str) -> None:
    with fsspec.open(f"memory://bucket/{name}", "wb") as file:
        file.write(KINDS[name](weather))
    assert rows(from_("weather", path=f"memory://bucket/{name}"), "weather").equals(weather)


@pytest.mark.parametrize("name", ["weather.csv.gz", "weather.jsonl", "weather.parquet"])
def test_a_web_server_gives_the_same_rows(api: Api, weather: pa.Table, name: str) -> None:  # noqa: F811
    api.files[name] = KINDS[name](weather)
    assert rows(from_("weather", path=f"{api.url}/files/{name}"), "weather").equals(weather)


def test_a_glob_is_all_its_files_and_a_window_is_cut_out_of_them(tmp_path: Path, weather: pa.Table) -> None:
    for month in ("2013-01", "2013-02", "2013-03"):
        (tmp_path / f"{month}.parquet").write_bytes(as_parquet(rows(SPEC, "weather", Period(month))))
    assert rows(from_("weather", path=str(tmp_path / "*.parquet")), "weather").equals(weather)


def test_a_path_with_a_period_opens_the_files_of_the_month_only(tmp_path: Path, weather: pa.Table) -> None:
    (tmp_path / "2013-01.csv").write_bytes(b"this is not even CSV\n\x00")
    (tmp_path / "2013-02.csv").write_bytes(as_csv(weather))
    spec = from_("weather", path=str(tmp_path / "{period}.csv"))
    assert rows(spec, "weather").equals(weather)
    with pytest.raises(
        MissingPeriodError, match=r"'weather' has no rows for 2013-05\. .*deliver .*2013-05/weather\.csv"
    ):
        rows(spec, "weather", Period("2013-05"))


def test_parquet_is_asked_for_the_window_by_its_statistics(tmp_path: Path) -> None:
    year = pa.concat_tables(
        [rows(SPEC, "flights", period) for period in Period.between(Period("2013-01"), Period("2013-02"))]
    )
    (tmp_path / "flights.parquet").write_bytes(as_parquet(year.sort_by("time_hour")))
    connector = SERVICES.adapters.connector(from_("flights", path=str(tmp_path / "flights.parquet")), "flights")
    source = SPEC.sources["flights"]
    window = Calendar(every="month", timezone=source.timezone).window(FEBRUARY)
    read = sum(batch.num_rows for batch in connector.read(source, window))
    assert 24951 <= read < 24951 + 2 * 500  # whole row groups; the rest of January is not touched


def test_only_the_agreed_texts_mean_no_value(tmp_path: Path) -> None:
    (tmp_path / "planes.csv").write_text("tailnum,year,engines,seats\nNA,2000,2,55\nN1,,2,55\n")
    found = rows(from_("planes", path=str(tmp_path / "planes.csv")), "planes")
    assert found["tailnum"].to_pylist() == ["N1", "NA"]
    assert found["year"].to_pylist() == [None, 2000.0]


@pytest.mark.parametrize("boundary", range(-3, 4))
def test_csv_line_ends_in_quotes_keep_both_bytes_at_the_boundary_of_a_block(tmp_path: Path, boundary: int) -> None:
    head = b"tailnum,year,engines,seats\r\n"
    start = head + b'N1,1,2,3\r\n"' + b"x" * (BLOCK_BYTES - len(head) - 12 + boundary)
    (tmp_path / "planes.csv").write_bytes(start + b'\r\ny",1,2,3\r\nN2,1,2,3\r\n')
    names = rows(from_("planes", path=str(tmp_path / "planes.csv")), "planes")["tailnum"].to_pylist()
    assert [name[-4:] for name in names] == ["N1", "N2", "x\r\ny"]


def test_a_quoted_empty_csv_field_is_missing_in_a_number_column_and_a_text_in_a_text_column(tmp_path: Path) -> None:
    (tmp_path / "planes.csv").write_text('tailnum,year,engines,seats\n"","","NA",\n"NA","1","2",3\n')
    read = rows(from_("planes", path=str(tmp_path / "planes.csv"), null_values=["NA"]), "planes")
    assert read.to_pydict() == {
        "tailnum": ["", "NA"],
        "year": [None, 1.0],
        "engines": [None, 2.0],
        "seats": [None, 3.0],
    }


def plane(**changes: str) -> bytes:
    """A row of JSON whose values are written as given."""
    members = {"tailnum": '"N1"', "year": "1", "engines": "2", "seats": "3"} | changes
    return ("{" + ", ".join(f'"{name}": {text}' for name, text in members.items()) + "}\n").encode()


def test_json_values_become_text_by_themselves(tmp_path: Path) -> None:
    texts = ["7.0", '"7.0"', "7", "true", "1.10", "12345678901234567890123", '{"a": [1.50, "\u00e9"]}']
    (tmp_path / "planes.jsonl").write_bytes(b"".join(plane(tailnum=text) for text in texts))
    names = rows(from_("planes", path=str(tmp_path / "planes.jsonl")), "planes")["tailnum"].to_pylist()
    assert sorted(names) == sorted(text.strip('"') for text in texts)


def test_an_absent_field_of_a_json_row_is_missing_over_the_whole_read(tmp_path: Path) -> None:
    (tmp_path / "1.jsonl").write_bytes(b'{"tailnum": "N1", "year": 1, "engines": 2}\n' * 3)
    (tmp_path / "2.jsonl").write_bytes(plane())
    assert rows(from_("planes", path=str(tmp_path / "*.jsonl")), "planes")["seats"].to_pylist() == [None] * 3 + [3.0]


def test_a_file_whose_name_looks_like_a_pattern_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "planes[1].csv").write_text("tailnum,year,engines,seats\nN1,2000,2,55\n")
    assert rows(from_("planes", path=str(tmp_path / "planes[1].csv")), "planes").num_rows == 1


def test_parquet_keeps_uuids_and_refuses_times_that_overflow_and_columns_that_are_there_twice(tmp_path: Path) -> None:
    path, ident = tmp_path / "planes.parquet", UUID(int=7)
    columns = {"tailnum": pa.array([ident]), "year": [1.0], "engines": [2], "seats": [3]}
    pq.write_table(pa.table(columns), path)
    assert rows(from_("planes", path=str(path)), "planes")["tailnum"].to_pylist() == [str(ident)]
    twice = pa.table([[1.0], ["N1"], [1.0], [2], [3]], names=["year", *columns])
    pq.write_table(twice, path)
    with pytest.raises(SourceError, match=r"has the columns \['year'\] more than once"):
        rows(from_("planes", path=str(path)), "planes")
    overflow = rows(SPEC, "weather").slice(0, 1).drop(["time_hour"])
    pq.write_table(overflow.append_column("time_hour", pa.array([2**40], pa.timestamp("s", "UTC"))), path)
    with pytest.raises(SourceError, match="'time_hour': 1 of 1 values cannot be read as timestamp"):
        rows(from_("weather", path=str(path)), "weather")


BROKEN: list[tuple[str, bytes, str]] = [
    ("planes.csv", b"", "planes.csv: cannot be read as CSV .*Empty CSV file"),
    ("planes.csv", b"\xff\xfe\x00\x81 binary \xff", "planes.csv: cannot be read as CSV"),
    (
        "planes.csv",
        "tailnum,year\nN1,2\n".encode("utf-16"),
        "CSV: it begins as UTF-16 does; deliver it as CSV in UTF-8",
    ),
    ("planes.csv", "tailnum\nN1\n".encode("utf-16"), "CSV: it begins as UTF-16 does"),
    ("planes.csv", gzip.compress(b"tailnum,year\nN1,2\n", mtime=0), "CSV: it begins as gzip does"),
    ("planes.csv", zipped(b"a,b"), "CSV: it begins as a .zip or .xlsx does"),
    ("planes.csv", b"tailnum,year\nN1,2\nSECRET,2,3\n", "cannot be read as CSV .*row 2, Expected 2 columns, got 3"),
    ("planes.csv", b'tailnum,year\n"N1,2\n3', "planes.csv: cannot be read as CSV: line 2: the quote .* is not closed"),
    (
        "planes.csv",
        b'tailnum,year,engines,seats\nN1,"2\nSECRET,1,2,3\nN3,"4",2,9\n',
        "CSV: line 2: text follows the closing",
    ),
    ("planes.csv", b'tailnum,year,engines,seats\nN1,1,2,"3\nSECRET,1,2,3\n', "CSV: line 2: the quote .* is not closed"),
    ("planes.csv", b"tailnum,year,engines,year,seats\nN1,1,2,1,3\n", r"has the columns \['year'\] more than once"),
    ("planes.csv", b"tailnum,year,seats\n", r"'planes' lacks the columns \['engines'\]"),
    ("planes.csv", b"tailnum,year\nN1," + b"9" * (9 << 20), "a row is longer than 4194304 bytes"),
    ("planes.csv", b'tailnum,year\nN1,"' + b"9\n" * (5 << 20), "is not closed within 4194304 bytes"),
    ("planes.csv.gz", b"not gzip at all", "planes.csv.gz: cannot be read as CSV .BadGzipFile"),
    (
        "planes.csv.gz",
        gzip.compress(b"a,b\n1,2\n" * 500, mtime=0)[:40],
        "planes.csv.gz: cannot be read as CSV .EOFError",
    ),
    ("planes.csv.zip", b"PK no zip", "planes.csv.zip: cannot be read as CSV .BadZipFile"),
    ("planes.csv.zip", encrypted(zipped(b"a,b")), "the file in it is encrypted; deliver it without a password"),
    ("planes.csv.zip", zipped(b"a,b", "more.csv"), "planes.csv.zip: it holds 2 files; deliver one file in a .zip"),
    (
        "planes.csv.zip",
        zipped(b"a,b\n" * 99, compression=zipfile.ZIP_LZMA).replace(b"\t\x04\x05\x00]", b"\t\x04\x05\x00\xff"),
        "planes.csv.zip: cannot be read as CSV .LZMAError",
    ),
    ("planes.csv", b"N1,SECRET,2,3\n", "source 'planes': .*its first line has 4 values at ',' and none of the columns"),
    ("planes.csv", b"tailnum,year\nN1,2\nN2,\xe9\n", "column 2, row 2, invalid UTF8"),
    ("planes.jsonl", b'{"tailnum": "SECRET"\n', "JSON lines: line 1: Expecting .* at character 21"),
    ("planes.jsonl", b"[1, 2]\n", "planes.jsonl: cannot be read as JSON lines: line 1 is not a JSON object"),
    ("planes.jsonl", b"{}\n" + b"[" * 100_000, "JSON lines: line 2: it is nested too deeply"),
    ("planes.jsonl", b'{"tailnum": "N1", "year": -Infinity}', "JSON lines: line 1: Infinity is not a JSON number"),
    ("planes.jsonl", b'{"tailnum": "N1", "tailnum": "SECRET"}', "JSON lines: line 1: an object has the same key twice"),
    ("planes.jsonl", plane(year="1e400"), "'year': 1 of 1 values cannot be read as number, the first in row 1"),
    ("planes.jsonl", plane(tailnum=r'"\ud800"'), "'tailnum': 1 of 1 values cannot be read as string"),
    ("planes.jsonl", b'{"tailnum": "N1", "year": 1, "engines": 2}\n' * 2, r"lacks the columns \['seats'\]"),
    ("planes.jsonl", b'{"tail": "N1", "year": 1}\n', r"lacks the columns \['tailnum', .*not name are \['tail'\]"),
    ("planes.parquet", b"PAR1 no parquet", "planes.parquet: cannot be read as Parquet"),
    ("planes.xlsx", b"anything", r"planes.xlsx: its ending is none of .*say 'format' csv, jsonl or parquet"),
    ("planes.csv", b"tailnum,year,engines\nN1,2000,2\n", r"'planes' lacks the columns \['seats'\]"),
    ("planes.csv", b"tailnum,year,engines,seats\nN1,SECRET,2,3\n", "'year': 1 of 1 values cannot be read as number"),
    ("planes.csv", b"tailnum,year,engines,seats\n,2000,2,3\n", "'tailnum' is empty in 1 of 1 rows"),
]


@pytest.mark.parametrize(("name", "content", "said"), BROKEN, ids=lambda value: str(value)[:24])
def test_a_broken_file_is_named_and_its_values_are_not(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=said) as caught:
        rows(from_("planes", path=str(tmp_path / name)), "planes")
    assert "SECRET" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"path": "/not/there.csv"}, r"/not/there\.csv: the file does not exist"),
        ({"path": "/not/*.csv"}, r"/not/\*\.csv: no file matches"),
        ({"path": "s3://bucket/planes.csv"}, "the driver of s3:// is not there: install s3fs"),
        ({"path": "s4://bucket/planes.csv"}, "no such protocol; there are: .*s3"),
        ({"path": "x.csv", "package": "nowhere"}, "the package 'nowhere' is not installed"),
        ({"path": "/x/{period}.csv"}, r"\{period\} needs the name of the time column"),
    ],
)
def test_a_place_that_is_not_there_is_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SourceError, match=said):
        rows(from_("planes", **options), "planes")


def test_a_server_that_has_no_such_file_is_told_from_one_that_does_not_answer(api: Api) -> None:  # noqa: F811
    with pytest.raises(SourceError, match="the file does not exist"):
        rows(from_("planes", path=f"{api.url}/files/planes.csv"), "planes")
    with pytest.raises(ServiceError, match=r"'planes': http.*: the store did not answer .*; run the task again"):
        rows(from_("planes", path=f"http://127.0.0.1:{free_port()}/planes.csv"), "planes")
    api.key = "secret"
    with pytest.raises(SourceError, match="the server answered with status 401; correct 'path', or the rights"):
        rows(from_("planes", path=f"{api.url}/whole/planes.csv"), "planes")


def test_a_month_on_a_server_that_is_away_is_no_month_without_rows(api: Api) -> None:  # noqa: F811
    with pytest.raises(MissingPeriodError, match="'weather' has no rows for 2013-02"):
        rows(from_("weather", path=f"{api.url}/files/{{period}}.csv"), "weather")
    with pytest.raises(ServiceError, match="the store did not answer"):
        rows(from_("weather", path=f"http://127.0.0.1:{free_port()}/{{period}}.csv"), "weather")
    api.faults = [(503, None)] * 9
    with pytest.raises(ServiceError, match="the store did not answer"):
        rows(from_("weather", path=f"{api.url}/whole/{{period}}.csv"), "weather")


def test_an_unknown_option_or_connector_is_refused_with_the_allowed_ones() -> None:
    with pytest.raises(SpecError, match=r"options\.pth: connector file: .*allowed: path, package, format"):
        rows(from_("planes", path="x.csv", pth="y"), "planes")
    with pytest.raises(
        SpecError, match=r"sources\.planes\.connector: 'ftp' is not a connector; allowed: file, sql, http, own"
    ):
        rows(from_("planes", "ftp"), "planes")


@pytest.mark.parametrize("delimiter", ['"', "\n", "\u00a7"])
def test_a_delimiter_that_cannot_part_values_is_refused(delimiter: str) -> None:
    with pytest.raises(SpecError, match=r"delimiter .* cannot part values"):
        rows(from_("planes", path="x.csv", delimiter=delimiter), "planes")


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = from_("planes", path="${PLANES_PLACE}/planes.csv")
    with pytest.raises(SettingsError, match="the environment variable PLANES_PLACE, which is not set"):
        rows(spec, "planes")
    (tmp_path / "planes.csv").write_text("tailnum,year,engines,seats\nN1,2000,2,55\n")
    monkeypatch.setenv("PLANES_PLACE", str(tmp_path))
    assert rows(spec, "planes").num_rows == 1


def test_a_use_case_may_bring_its_own_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "flight_delay_of_ours").mkdir()
    (tmp_path / "flight_delay_of_ours" / "source.py").write_text(
        "def read(source, window):\n"
        "    yield dict(tailnum=['N1', 'N2'], year=[2000, None], engines=[2, 2], seats=[9, 9], more=[1, 1])\n"
    )
    monkeypatch.setattr(include.usecases, "__path__", [str(tmp_path)])
    spec = from_("planes", "own").model_copy(update={"name": "flight_delay_of_ours"})
    assert rows(spec, "planes")["year"].to_pylist() == [2000.0, None]


# -- delivered files
def deliver(landing: Path, name: str, content: bytes) -> None:
    (landing / FEBRUARY).mkdir(parents=True, exist_ok=True)
    (landing / FEBRUARY / name).write_bytes(content)


@pytest.mark.parametrize("name", [name for name in KINDS if not name.endswith("zip") and name.islower()])
def test_a_delivered_file_takes_the_sources_place(tmp_path: Path, weather: pa.Table, name: str) -> None:
    deliver(tmp_path, name, KINDS[name](weather.slice(0, 100)))
    assert rows(SPEC, "weather", landing=tmp_path).num_rows == 100
    assert rows(SPEC, "weather", Period("2013-03"), tmp_path).num_rows == 2227


@pytest.mark.parametrize("name", ["weather.CSV", "weather.xlsx", "weather.csv.zst", "weather.tsv"])
def test_a_delivered_file_that_cannot_take_the_sources_place_is_not_passed_over(tmp_path: Path, name: str) -> None:
    deliver(tmp_path, name, b"anything")
    with pytest.raises(SourceError, match=rf"\['{name}'\], which cannot .* deliver weather\.csv or another of"):
        rows(SPEC, "weather", landing=tmp_path)


def test_a_delivered_file_may_say_na_as_the_source_does(tmp_path: Path) -> None:
    deliver(tmp_path, "planes.csv", b"tailnum,year,engines,seats\nN1,NA,2,55\n")
    assert rows(SPEC, "planes", landing=tmp_path)["year"].to_pylist() == [None]


def test_rows_of_another_month_in_a_delivered_file_are_not_dropped_in_silence(tmp_path: Path) -> None:
    deliver(tmp_path, "weather.parquet", as_parquet(rows(SPEC, "weather", Period("2013-03"))))
    with pytest.raises(SourceError, match=r"500 of 500 rows in .*weather\.parquet are of another month"):
        rows(SPEC, "weather", landing=tmp_path)


def test_two_delivered_files_for_one_table_are_refused(tmp_path: Path, weather: pa.Table) -> None:
    deliver(tmp_path, "weather.csv", as_csv(weather))
    deliver(tmp_path, "weather.parquet", as_parquet(weather))
    with pytest.raises(SourceError, match=r"\['weather.csv', 'weather.parquet'\].*keep only the valid one"):
        rows(SPEC, "weather", landing=tmp_path)


# -- collecting
def test_every_batch_is_treated_before_anything_is_written(tmp_path: Path) -> None:
    def without_tail(table: str, batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch.drop_columns(["tailnum"]) if "tailnum" in batch.schema.names else batch

    ingestion.collect(only(SPEC, "flights"), FEBRUARY, NOWHERE, tmp_path, SERVICES.adapters.connector, without_tail)
    assert "tailnum" not in pq.read_schema(tmp_path / "raw" / "flights.parquet").names
    assert pq.read_metadata(tmp_path / "raw" / "flights.parquet").num_rows == 24951


def test_a_source_that_breaks_off_leaves_what_was_staged(tmp_path: Path) -> None:
    spec, broken = (only(each, "weather", "planes") for each in (SPEC, from_("planes", path="/not/there.csv")))
    ingestion.collect(spec, FEBRUARY, NOWHERE, tmp_path, SERVICES.adapters.connector)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(SourceError):
        ingestion.collect(broken, FEBRUARY, NOWHERE, tmp_path, SERVICES.adapters.connector)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_a_big_file_is_collected_batch_by_batch(tmp_path: Path) -> None:
    content = "".join(f"N{number},2000,2,9\n" for number in range(600_000))
    (tmp_path / "planes.csv").write_text(f"tailnum,year,engines,seats\n{content}")
    sizes: list[int] = []

    def watched(_: str, batch: pa.RecordBatch) -> pa.RecordBatch:
        sizes.append(batch.num_rows)
        return batch

    spec = only(from_("planes", path=str(tmp_path / "planes.csv")), "planes")
    staged = ingestion.collect(spec, FEBRUARY, NOWHERE, tmp_path / "staging", SERVICES.adapters.connector, watched)
    assert staged["planes"] == 600_000
    assert max(sizes) < 300_000
    groups = pq.ParquetFile(tmp_path / "staging" / "raw" / "planes.parquet").metadata
    assert groups.num_row_groups > 1
    assert json.dumps(staged)
