"""Entry of the pipeline: replaces personal fields by pseudonyms before lookup, model and log."""

import functools
import os
from pathlib import Path

import numpy as np
import sealed_text
from pseudonyms import KeyRing
from server_log import tell

VARIABLE = "MOEBIUS_PSEUDONYM_KEYS"
KEPT = 10_000  # values whose pseudonyms are remembered at most: a hash costs as much as the rest of a lookup


class Door:
    """Replaces the values of ``columns``; which key is in use is what ``<state>/active_key`` says.

    Raises ValueError, and so refuses the model, when the server's environment has no usable keys.
    """

    def __init__(self, columns: list, state: str) -> None:
        self.columns, self._file = columns, Path(state, "active_key")
        self._seen: int | None = None
        text = os.environ.get(VARIABLE, "")
        if not text:
            raise ValueError(
                f"the request fields {columns} are personal, and the model server has no {VARIABLE}: "
                "start it with the keys that the lake was written with"
            )
        self._all = KeyRing.parse(text)
        self._use(self._all)
        self.refresh()

    def refresh(self) -> None:
        """Follow a rotation of the key; a state that does not change costs one stat.

        One that cannot be used is told once, and the key before stays. Raises ValueError before the first key.
        """
        try:
            stamp = os.stat(self._file).st_mtime_ns
        except FileNotFoundError:
            if self._seen or not sealed_text.copy_of(self._file).exists():
                return
            stamp = 1  # only the copy is left
        if stamp == self._seen:
            return
        first, self._seen = self._seen is None, stamp
        try:
            self._follow()
        except ValueError as error:
            if first:
                raise
            tell(f"{self._file}: {error}; the key before stays in use")

    def _follow(self) -> None:
        kept = sealed_text.read(self._file)
        if kept.fault:
            tell(f"{self._file} is damaged: {kept.fault}; its last good copy is followed")
        self._use(self._all.noted(kept.text))

    def _use(self, ring: KeyRing) -> None:
        self._token = functools.lru_cache(KEPT)(ring.token)

    def hide(self, fields: dict) -> dict:
        token = self._token
        hidden = {name: np.array([token(v) if v else v for v in fields[name]], dtype=object) for name in self.columns}
        return {**fields, **hidden}
