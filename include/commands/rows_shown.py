"""Rows of a table on a terminal or a pipe; what is stored is shown as it is and never taken for markup."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence

import pyarrow as pa
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from include.formats.plain_text import one_line
from include.formats.value_text import text_of

SPECIAL = re.compile('[",\r\n]')
SPACE = 3
"""Columns of a terminal that a column of a table needs beside its text."""


def show(rows: pa.Table, form: str, title: str) -> None:
    """Print the rows in one of ``FORMS``; what a program reads (CSV, JSON) has the title on standard error.

    ``auto``: on a terminal a table when every value fits it, else one record per row; on a pipe CSV.
    """
    console = Console(highlight=False, markup=False)
    if form == "auto":
        form = "csv" if not console.is_terminal else "table" if _fits(rows, console.width) else "records"
    FORMS[form](rows, title, console)


def _table(rows: pa.Table, title: str, console: Console) -> None:
    console.print(Text(title))
    shown = Table()
    for name in rows.column_names:
        shown.add_column(_text(name), overflow="fold")
    for row in _lines(rows):
        shown.add_row(*map(Text, row))
    console.print(shown)


def _records(rows: pa.Table, title: str, console: Console) -> None:
    console.print(Text(title))
    for number, row in enumerate(_lines(rows), 1):
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in zip(rows.column_names, row, strict=True):
            grid.add_row(_text(name), Text(value))
        console.print(Text(f"\nrow {number}"), grid, sep="\n")


def _csv(rows: pa.Table, title: str, console: Console) -> None:
    """The values as they are; on a terminal without what would steer it."""
    print(title, file=sys.stderr)
    lines = _lines(rows) if console.is_terminal else ([text_of(v) for v in row.values()] for row in rows.to_pylist())
    for line in (rows.column_names, *lines):
        print(",".join(map(_field, line)))


def _field(text: str | None) -> str:
    """Of a line of CSV; a missing value is nothing, an empty text is an empty quoted one, as sources read them."""
    if text is None:
        return ""
    return text if text and not SPECIAL.search(text) else '"' + text.replace('"', '""') + '"'


def _json(rows: pa.Table, title: str, console: Console) -> None:
    """A list of objects; characters beyond ASCII are escaped, so that none steers a terminal."""
    print(title, file=sys.stderr)
    print(json.dumps(rows.to_pylist(), indent=1, default=str))


FORMS: dict[str, Callable[[pa.Table, str, Console], None]] = {
    "table": _table,
    "records": _records,
    "csv": _csv,
    "json": _json,
}


def _fits(rows: pa.Table, width: int) -> bool:
    lines = [list(map(one_line, rows.column_names)), *_lines(rows)]
    return sum(SPACE + max(map(cell_len, column)) for column in zip(*lines, strict=True)) + 1 <= width


def _lines(rows: pa.Table) -> Iterable[Sequence[str]]:
    return [[one_line("" if v is None else str(v)) for v in row.values()] for row in rows.to_pylist()]


def _text(value: str) -> Text:
    return Text(one_line(value))
