"""What a play has done, so that an interrupted one resumes."""

import json
from collections.abc import Callable
from typing import Any

from include.ports.state import StateStore


class Memory:
    """By step what was done and seen there: one small JSON."""

    def __init__(self, state: StateStore, key: str) -> None:
        self._state, self._key = state, key
        value = state.get(key)
        self.content: dict[str, dict] = json.loads(value.text) if value else {}

    def mark(self, step: str, what: str, value: object = True) -> None:
        self.content.setdefault(step, {})[what] = value
        self._state.put(self._key, json.dumps(self.content, indent=1))

    def done(self, step: str, what: str) -> bool:
        return what in self.content.get(step, {})

    def once(self, step: str, what: str, make: Callable[[], Any]) -> Any:
        """What was marked before; else it is made, and marked."""
        if not self.done(step, what):
            self.mark(step, what, make())
        return self.content[step][what]
