"""Replaces a file in one step."""

import hashlib
from pathlib import Path


def write_atomically(path: Path, text: str, *, private: bool = False) -> None:
    """Replace ``path`` in one step: a reader sees the old or the new text, never half of it.

    ``private``: nobody but the owner can read it, at no moment.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
    aside = path.with_name(f".{path.name}.{hashlib.sha256(text.encode()).hexdigest()[:8]}.aside")
    aside.touch(mode=0o600 if private else 0o666)
    aside.write_text(text)
    aside.replace(path)
