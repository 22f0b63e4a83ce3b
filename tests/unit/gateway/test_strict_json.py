"""One meaning only: whatever JSON says twice, or too deeply, or not finitely, is refused without an echo."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.gateway.strict_json import BadRequestError, parse

VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**64), 2**64),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_what_json_says_once_is_read_as_it_was_written(value: dict) -> None:
    assert parse(json.dumps(value, ensure_ascii=True).encode()) == value


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_be_read_or_refused(body: bytes) -> None:
    with suppress(BadRequestError):
        assert isinstance(parse(body), dict)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"a": 1, "a": 2}', "same key twice"),
        (b'{"b": {"a": 1, "\\u0061": 2}}', "same key twice"),
        (b'{"a": NaN}', "send null"),
        (b'{"a": -Infinity}', "send null"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"a": ' + b'{"a": ' * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "more than 40 characters"),
        (b'{"a": 0.' + b"1" * 5_000 + b"}", "more than 40 characters"),
        (b'{"a": -1e-400}', "a number that a 64-bit float cannot hold"),
        (b'{"a": 1e-400}', "a number that a 64-bit float cannot hold"),
        (b'{"a": 9007199254740993.0}', "a number that a 64-bit float cannot hold"),
        (b"[1]", "must be a JSON object"),
        (b"", "not JSON"),
        (b'{"a": 1', "not JSON"),
        (b'{"a": 1} x', "not JSON"),
        (b'\xff{"a": 1}', "not UTF-8"),
        (b'\xef\xbb\xbf{"a": 1}', "not JSON"),
    ],
)
def test_what_has_two_meanings_or_none_is_refused_by_its_fault(body: bytes, words: str) -> None:
    with pytest.raises(BadRequestError, match=words):
        parse(body)
