"""Rows in JSON: numbers as they are written, fields of the whole read."""

import pytest

from include.formats.json_rows import JsonRefusedError, JsonRows, parse


def test_json_numbers_keep_every_digit_that_is_written() -> None:
    assert parse(b'[7.0, 1.10, 12345678901234567890123, 1e400, NaN]') == [
        b"7.0", b"1.10", b"12345678901234567890123", b"1e400", None
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"a": Infinity}', "Infinity is not a JSON number"),
        (b'{"a": 1, "a": 2}', "same key twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": "SECRET', "at character 6"),
    ],
)
def test_json_that_cannot_be_taken_exactly_is_refused_without_a_value(text: bytes, words: str) -> None:
    with pytest.raises(JsonRefusedError, match=words) as caught:
        parse(text)
    assert "SECRET" not in str(caught.value)


def test_absent_json_fields_are_missing_and_judged_over_the_whole_read() -> None:
    rows = JsonRows(["id", "x"], ["id"])
    assert rows.batch([{"id": 1}, {"id": 2, "more": 3}]) == {"id": [1, 2], "x": [None, None]}
    assert rows.batch([{"id": 3, "x": 4}]) == {"id": [3], "x": [4]}
    assert list(rows.end()) == [{"id": [], "more": [], "x": []}]
    assert rows.batch([{"name": 1}]) == {"name": []}
    assert list(JsonRows(["id"], ["id"]).end()) == []
