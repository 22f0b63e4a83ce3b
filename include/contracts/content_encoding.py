"""The content encodings of HTTP, taken off an answer as a whole: an answer that was cut is noticed."""

import gzip
import zlib
from collections.abc import Callable

DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.decompress,
    "x-gzip": gzip.decompress,
    "deflate": lambda content: zlib.decompress(content, zlib.MAX_WBITS if content[:1] == b"\x78" else -zlib.MAX_WBITS),
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
    try:
        for name in reversed(names):
            content = DECODERS[name](content)
    except (OSError, EOFError, zlib.error) as error:
        raise CutError(type(error).__name__) from None
    return content
