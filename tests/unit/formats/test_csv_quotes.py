"""A CSV stream with proved quotes: what RFC 4180 forbids is refused, whatever the sizes of the reads."""

import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from include.formats.csv_quotes import QuotedStream, QuoteError

ENDS = ",\r\n"


def correct(text: str) -> bool:
    """The same rule, character by character."""
    state = "start"
    for character in text:
        if state == "quoted":
            state = "closing" if character == '"' else "quoted"
        elif character in ENDS:
            state = "start"
        elif state == "closing":
            if character != '"':
                return False
            state = "quoted"
        elif state == "start":
            state = "quoted" if character == '"' else "plain"
    return state != "quoted"


def read(text: str, size: int) -> str:
    stream, parts = QuotedStream(io.BytesIO(text.encode()), ",", 1000), []
    while part := stream.read(size):
        assert not part.endswith(b"\r") or sum(map(len, parts)) + len(part) == len(text)
        parts.append(part)
    return b"".join(parts).decode()


@example('x"a""\n",x\n', 5)
@given(st.text(alphabet='"",\n\rxa', max_size=16), st.integers(1, 20))
def test_csv_quotes_are_refused_exactly_where_they_are_not_in_their_place(text: str, size: int) -> None:
    if correct(text):
        assert read(text, size) == text
    else:
        with pytest.raises(QuoteError):
            read(text, size)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('a,b\n1,"x\n2,3\n', "line 2: the quote that opens there is not closed"),
        ('a,b\n1,2\n3,"SECRET\n4,"5"\n', "line 3: text follows the closing quote"),
        ('a,b\n1,"' + "x" * 1001 + "\n" + "2,3\n" * 9, "line 2: the quote that opens there is not closed within 1000"),
    ],
)
def test_a_csv_quote_that_is_out_of_place_is_named_by_its_line(text: str, words: str) -> None:
    with pytest.raises(QuoteError, match=words) as caught:
        read(text, 700)
    assert "SECRET" not in str(caught.value)


def test_a_byte_order_mark_does_not_hide_the_first_quote() -> None:
    with pytest.raises(QuoteError, match="line 1"):
        read('\ufeff"a,b\n1,2\n', 100)
