"""Content encodings: all of the content, or an error."""

import gzip
import zlib

import pytest

from include.formats.content_encoding import CutError, UnknownEncodingError, decoded

CONTENT = b'[{"id": 1}]' * 50
DEFLATED = zlib.compress(CONTENT)


@pytest.mark.parametrize(
    ("encodings", "content"),
    [
        ("", CONTENT),
        ("GZIP", gzip.compress(CONTENT, mtime=0)),
        ("deflate", DEFLATED),
        ("deflate", DEFLATED[2:-4]),
        ("deflate", zlib.compress(CONTENT, wbits=13)),
        ("gzip, identity , deflate", zlib.compress(gzip.compress(CONTENT, mtime=0))),
    ],
)
def test_a_content_encoding_is_taken_off(encodings: str, content: bytes) -> None:
    assert decoded(content, encodings) == CONTENT


@pytest.mark.parametrize(("encoding", "content"), [("gzip", gzip.compress(CONTENT, mtime=0)), ("deflate", DEFLATED)])
@pytest.mark.parametrize("cut", [0, 1, 9, -1, -9])
def test_a_content_encoding_that_is_cut_or_broken_is_noticed(encoding: str, content: bytes, cut: int) -> None:
    with pytest.raises(CutError):
        decoded(content[:cut], encoding)
    with pytest.raises(CutError):
        decoded(b"<html>" + content, encoding)


def test_an_unknown_content_encoding_is_named() -> None:
    with pytest.raises(UnknownEncodingError, match="'br'"):
        decoded(CONTENT, "gzip, br")
