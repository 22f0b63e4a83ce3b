"""A pattern means what Python's ``re`` makes of it, whoever looks for it."""

import re

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.adapters.scan import patterns
from include.contracts.quality import compiled

PIECES = [
    "a", "B", "1", "_", " ", "-", ".", r"\.", r"\d", r"\w", r"\s", r"\b", r"\B", "[a-c]", "[^a1]", r"[\d-]", "[^_]",
    "(", "[[:alpha:]]", "(?:", ")", "|", "?", "*", "+", "{2}", "{,2}", "{1,}", "$", "^", "(?i)", "(?=a)", "é", r"\n",
    "\n", r"\Z", r"\z", r"\$", r"\W", "(?P<n>", "(?U)", r"\x61", r"\Q", "]", "}", "[]a]", r"\pL", "[a-", "?+",
]  # fmt: skip
TEXTS = st.text(alphabet="aB1_ -.$bcé\n\x1cſ٣K\u00a0", max_size=5)


@pytest.mark.slow
def test_any_pattern_finds_in_a_scan_what_python_finds() -> None:
    with duckdb.connect() as connection:
        patterns.register(connection)

        @settings(max_examples=300, deadline=None, derandomize=True)
        @given(pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), texts=st.lists(TEXTS, max_size=12))
        def as_python(pieces: list[str], texts: list[str]) -> None:
            pattern = "".join(pieces)
            try:
                wanted = [compiled(pattern).search(text) is not None for text in texts]
            except re.error:
                return  # such a check is broken before any engine sees it
            rows = pa.table({"text": pa.array(texts, pa.string())})
            connection.register("given", rows)
            condition = patterns.condition(connection, "text", pattern)
            assert [row for (row,) in connection.execute(f"SELECT {condition} FROM given").fetchall()] == wanted

        as_python()
        connection.remove_function(patterns.SEARCH)


@pytest.mark.parametrize("pattern", [r"^\d{4}-\d{2}$", "^[A-Z0-9]{2}$", r"^(?:a|b)\.\d+$", "^N[1-9][0-9A-Z]{0,4}$"])
def test_what_both_dialects_write_alike_is_left_to_the_faster_one(pattern: str) -> None:
    assert patterns.alike(pattern)


@pytest.mark.parametrize(
    "pattern", [r"\s", r"\bb", "a$|b", "a{,3}", "[[:alpha:]]", "(?i)a", "(?m)a$", "é", "a++", r"\Z"]
)
def test_what_the_dialects_write_differently_is_left_to_python(pattern: str) -> None:
    assert patterns.alike(pattern) is None
