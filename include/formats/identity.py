"""One text for several parts, such that other parts never make the same."""

import hashlib
import json
from collections.abc import Sequence

READABLE = 100
"""Letters of a text that its name in paths begins with."""


def joined(parts: Sequence[str]) -> str:
    """The identity of so many parts: one part is its own; of several, a separator inside a part stays inside it."""
    return parts[0] if len(parts) == 1 else json.dumps(list(parts), ensure_ascii=False)


def digest(parts: Sequence[str]) -> str:
    """SHA-256 of parts, of which none flows into the next."""
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()


def in_paths(text: str) -> str:
    """A name for files: its letters and digits, and eight digits of its hash, because ``a+b`` and ``a:b`` differ."""
    plain = "".join(c if c.isalnum() else "-" for c in text[:READABLE])
    return f"{plain}-{digest([text])[:8]}"
