"""What a use case remembers about keys and erased subjects, in ``privacy/<usecase>/``."""

import json
from collections.abc import Collection
from contextlib import AbstractContextManager

from include.ports.state import ABSENT, Locks, StateStore


class PrivacyState:
    """``active_key``, which the model server reads too; ``erased.json``; ``erasing-<subject>.json`` per deletion."""

    def __init__(self, usecase: str, state: StateStore, locks: Locks) -> None:
        self._usecase, self._state, self._locks, self._room = usecase, state, locks, f"privacy/{usecase}"

    def alone(self) -> AbstractContextManager[None]:
        """One deletion or rotation at a time; raises LockHeldError while another one runs."""
        refusal = f"{self._usecase}: another deletion or key rotation runs; try again later"
        return self._locks.hold(f"{self._room}/rewriting", wait=0, refusal=refusal)

    def active_key(self) -> str | None:
        """The name of the key that stored tokens are of."""
        return note.split()[0] if (note := self.key_note()) else None

    def key_note(self) -> str | None:
        """The same with the fingerprint of the keys, see ``KeyRing.noted``."""
        value = self._state.get(f"{self._room}/active_key")
        return value.text.strip() if value else None

    def use_key(self, note: str) -> None:
        self._state.put(f"{self._room}/active_key", note)

    def erased(self) -> dict[str, dict[str, str]]:
        """Reference of the subject → when, by whom and why it was erased."""
        value = self._state.get(f"{self._room}/erased.json")
        return json.loads(value.text) if value else {}

    def erase(self, subject: str, fact: dict[str, str]) -> None:
        """Note the erasure; the first one of a subject stays. Raises ConflictError when others note at once."""
        value = self._state.get(f"{self._room}/erased.json")
        text = json.dumps({subject: fact, **(json.loads(value.text) if value else {})}, indent=1)
        self._state.put(f"{self._room}/erased.json", text, value.version if value else ABSENT)

    def sought(self, subject: str) -> set[str]:
        """The stored values that an unfinished deletion looks for; a repetition must not miss what is half gone."""
        value = self._state.get(self._journal(subject))
        return set(json.loads(value.text)) if value else set()

    def seek(self, subject: str, stored: Collection[str]) -> None:
        self._state.put(self._journal(subject), json.dumps(sorted(stored)), private=True)

    def proved(self, subject: str) -> None:
        """The deletion is complete."""
        self._state.delete(self._journal(subject))

    def _journal(self, subject: str) -> str:
        return f"{self._room}/erasing-{subject}.json"
