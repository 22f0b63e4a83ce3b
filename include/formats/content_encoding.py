"""The content encodings of HTTP, taken off an answer as a whole: an answer that was cut is noticed."""

import gzip
import zlib
from collections.abc import Callable

DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.decompress,
    "x-gzip": gzip.decompress,
    "deflate": lambda content: zlib.decompress(content, zlib.MAX_WBITS if _is_zlib(content) else -zlib.MAX_WBITS),
}


class CutError(ValueError):
    """The content is not what its encoding says, or lacks its end."""


class UnknownEncodingError(ValueError):
    """An encoding that is none of ``DECODERS``."""


def decoded(content: bytes, encodings: str) -> bytes:
    """The content without the encodings of a ``Content-Encoding`` header, the last one first.

    Raises CutError and UnknownEncodingError.
    """
    names = [name.strip().lower() for name in encodings.split(",")]
    if unknown := [name for name in names if name not in DECODERS]:
        raise UnknownEncodingError(f"the answer has the content encoding {unknown[0]!r}")
    if not content and {*names} - {"", "identity"}:
        raise CutError("it is empty")
    try:
        for name in reversed(names):
            content = DECODERS[name](content)
    except (OSError, EOFError, zlib.error) as error:
        raise CutError(type(error).__name__) from None
    return content


def _is_zlib(content: bytes) -> bool:
    """Whether it has the header of RFC 1950; some servers leave it out of ``deflate``."""
    return content[:1] != b"" and content[0] & 15 == zlib.DEFLATED and int.from_bytes(content[:2]) % 31 == 0
