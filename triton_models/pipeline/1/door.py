"""Entry of the pipeline: replaces personal fields by pseudonyms before lookup, model and log."""

import functools
import os

import numpy as np
from pseudonyms import KeyRing

VARIABLE = "MOEBIUS_PSEUDONYM_KEYS"
KEPT = 10_000  # values whose pseudonyms are remembered at most: a hash costs as much as the rest of a lookup


class Door:
    """Replaces the values of ``columns``; which key is in use is what ``<state>/active_key`` says.

    Raises ValueError, and so refuses the model, when the server's environment has no usable keys.
    """

    def __init__(self, columns: list, state: str) -> None:
        self.columns, self._file = columns, os.path.join(state, "active_key")
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
        """Follow a rotation of the key; a state that does not change costs one stat."""
        try:
            stamp = os.stat(self._file).st_mtime_ns
        except FileNotFoundError:
            return
        if stamp != self._seen:
            with open(self._file) as state:
                self._use(self._all.until(state.read().strip()))
            self._seen = stamp

    def _use(self, ring: KeyRing) -> None:
        self._token = functools.lru_cache(KEPT)(ring.token)

    def hide(self, fields: dict) -> dict:
        token = self._token
        hidden = {name: np.array([token(v) if v else v for v in fields[name]], dtype=object) for name in self.columns}
        return {**fields, **hidden}
