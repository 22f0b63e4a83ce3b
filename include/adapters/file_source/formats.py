"""The rows of one open file, format by format."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from include.contracts.calendar import Window
from include.formats.csv_quotes import QuotedStream
from include.formats.json_rows import JsonRefusedError, JsonRows, parse
from include.specification.data import Source

BLOCK_BYTES = 4 << 20
"""What is read of a CSV file at a time; no row is longer."""
BATCH_ROWS = 50_000
NO_TEXT = {
    b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x1f\x8b": "gzip", b"PK\x03\x04": "a .zip or .xlsx",
    b"PAR1": "Parquet",
}  # fmt: skip
"""How files begin that people deliver with the ending of CSV."""


class FileFaultError(ValueError):
    """What is wrong with a file, in words that contain neither its name nor its values."""


def csv(stream: Any, source: Source, delimiter: str, null_values: list[str]) -> Iterator[pa.RecordBatch]:
    """Every row, all columns as text, block by block."""
    convert = pcsv.ConvertOptions(
        default_column_type=pa.string(),  # the contract decides the types, not the first block of the file
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=null_values,
    )
    parse_options = pcsv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    read = pcsv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False)  # a reader of one thread names the faulty row
    quoted = QuotedStream(stream, delimiter, BLOCK_BYTES, ["", *null_values])
    try:
        with pcsv.open_csv(pa.PythonFile(quoted, "r"), read, parse_options, convert) as reader:
            _require_header(reader.schema.names, source, delimiter)
            yield pa.RecordBatch.from_pylist([], schema=reader.schema)  # without rows the header is judged as well
            for batch in reader:
                plain = "" in null_values and not quoted.met
                yield batch if plain else _without_empty(batch, source, null_values)
    except (pa.ArrowInvalid, FileFaultError, UnicodeDecodeError):
        if found := [what for begin, what in NO_TEXT.items() if quoted.begin.startswith(begin)]:
            raise FileFaultError(
                f"cannot be read as CSV: it begins as {found[0]} does; deliver it as CSV in UTF-8"
            ) from None
        while quoted.read(BLOCK_BYTES):  # a quote that is not closed explains what the reader says
            pass
        raise


def _require_header(names: list[str], source: Source, delimiter: str) -> None:
    """What is named as columns by no column of the spec may be values: they are not shown."""
    if not set(source.columns) & set(names):
        raise FileFaultError(
            f"its first line has {len(names)} values at {delimiter!r} and none of the columns {list(source.columns)}; "
            "deliver it with a header, or correct 'delimiter' or 'columns'"
        )


def _without_empty(batch: pa.RecordBatch, source: Source, null_values: list[str]) -> pa.RecordBatch:
    """An empty or a quoted "no value" is missing in every column that is not text: no number or time is empty."""
    for place, name in enumerate(batch.schema.names):
        if source.columns.get(name, "string") != "string":
            for text in {"", *null_values}:
                values = batch.column(place)
                absent = pc.equal(values, text)
                if pc.any(absent).as_py():
                    kept = pc.if_else(absent, pa.scalar(None, pa.string()), values)
                    batch = batch.set_column(place, name, kept)
    return batch


def parquet(system: Any, file: str, source: Source, window: Window | None) -> Iterator[pa.RecordBatch]:
    """The row groups that touch the window, one after the other.

    A scan that reads ahead keeps more in memory the slower its rows are taken.
    """
    with system.open(file, "rb") as stream, pq.ParquetFile(stream) as opened:
        names = opened.schema_arrow.names
        if any(names.count(name) != 1 for name in source.columns):
            yield pa.RecordBatch.from_pylist([], schema=opened.schema_arrow)  # the contract says what is wrong
            return
        bounds = _bounds(opened.schema_arrow, source, window)
        for group in range(opened.num_row_groups):
            if bounds is None or _overlaps(opened.metadata.row_group(group), str(source.time), *bounds):
                yield from opened.iter_batches(BATCH_ROWS, row_groups=[group], columns=list(source.columns))


def _bounds(schema: pa.Schema, source: Source, window: Window | None) -> tuple[Any, Any] | None:
    """Start and end as the file's statistics have them; None when they say nothing."""
    kind = schema.field(source.time).type if source.time and window else pa.null()
    if window is None or not pa.types.is_timestamp(kind):
        return None
    return window.bounds(bool(kind.tz), source.without_zone)


def _overlaps(group: Any, time: str, start: Any, end: Any) -> bool:
    columns = [group.column(i) for i in range(group.num_columns)]
    known = next((c.statistics for c in columns if c.path_in_schema == time), None)
    if known is None or not known.has_min_max or known.null_count:  # a row without a time is for the contract
        return True
    try:
        return known.max >= start and known.min < end
    except (OverflowError, ValueError):  # beyond the years of Python: for the contract too
        return True


def json_lines(stream: Any, fields: JsonRows) -> Iterator[dict[str, list[Any]]]:
    """The columns of ``fields``, a number of rows at a time."""
    records = (_record(number, line) for number, line in enumerate(stream, 1) if line.strip())
    while rows := list(islice(records, BATCH_ROWS)):
        yield fields.batch(rows)


def _record(number: int, line: bytes) -> dict[str, Any]:
    try:
        record = parse(line)
    except JsonRefusedError as error:
        raise JsonRefusedError(f"line {number}: {error}") from None
    if not isinstance(record, dict):
        raise JsonRefusedError(f"line {number} is not a JSON object")
    return record
