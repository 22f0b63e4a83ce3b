"""The meaning of a pattern in a scan: that of Python's ``re.search``, as in Great Expectations' pandas engine.

DuckDB's RE2 is faster and is another dialect: ``\\w``, ``\\d`` and ``\\b`` know ASCII only, ``$`` does not stand before
a last line break, ``{,3}`` and ``[[:alpha:]]`` mean other things. RE2 is asked only for what both dialects write alike
(``_ALIKE``), of text that is ASCII; Python answers everything else.
"""

import re

import duckdb
import pyarrow as pa

from include.contracts.quality import compiled

SEARCH = "python_search"
ASCII_ONLY = "strlen({text}) = length({text})"

_CLASS = r"\[\^?(?:[A-Za-z0-9](?:-[A-Za-z0-9])?|[ _.,:/+]|\\[dw.\-])+-?\]"
_ATOM = rf"(?:[A-Za-z0-9 _:/,@#%&=<>!~'\"-]|\\[dw.\-+*?()\[\]{{}}|$^/]|{_CLASS}|\((?:\?:|(?!\?))|\||\))"
_REPEAT = r"(?:(?:[?*+]|\{\d{1,3}(?:,\d{0,3})?\})\??)?"
_ALIKE = re.compile(rf"\^?(?:{_ATOM}{_REPEAT})*\$?", re.ASCII)


def text_literal(value: str) -> str:
    """The value as an SQL text."""
    return "'" + value.replace("'", "''") + "'"


def alike(pattern: str) -> str | None:
    """The same pattern for RE2, which finds it in the same ASCII texts; None where that is not proved."""
    if not _ALIKE.fullmatch(pattern):
        return None
    ends = pattern.endswith("$") and not pattern.endswith(r"\$")
    return pattern[:-1] + r"\n?\z" if ends else pattern  # Python's $ also stands before a last line break


def condition(connection: duckdb.DuckDBPyConnection, text: str, pattern: str) -> str:
    """SQL: whether Python's ``re.search`` finds the pattern in ``text``, an SQL expression."""
    by_python = f"{SEARCH}({text}, {text_literal(pattern)})"
    re2 = alike(pattern)
    if re2 is None or not _read_by_re2(connection, re2):
        return by_python
    by_re2 = f"regexp_matches({text}, {text_literal(re2)})"
    return f"(CASE WHEN {ASCII_ONLY.format(text=text)} THEN {by_re2} ELSE {by_python} END)"


def register(connection: duckdb.DuckDBPyConnection) -> None:
    connection.create_function(SEARCH, _search, ["VARCHAR", "VARCHAR"], "BOOLEAN", type="arrow")


def _search(texts: pa.ChunkedArray, patterns: pa.ChunkedArray) -> pa.Array:
    """One pattern for all rows; each distinct text is looked at once."""
    coded = pa.concat_arrays(texts.chunks).dictionary_encode()
    found = [compiled(patterns[0].as_py()).search(text) is not None for text in coded.dictionary.to_pylist()]
    return pa.array(found, pa.bool_()).take(coded.indices)


def _read_by_re2(connection: duckdb.DuckDBPyConnection, pattern: str) -> bool:
    try:
        # RE2 repeats 1,000 times at most
        connection.execute(f"SELECT regexp_matches('', {text_literal(pattern)})").fetchall()
    except duckdb.Error:
        return False
    return True
