"""Pseudonym keys: which exist, which one is in use, and what ingestion does with them."""

from collections.abc import Callable
from functools import cached_property

from include.contracts.pseudonyms import KeyRing
from include.errors import SettingsError
from include.governance import hand_over, privacy
from include.ports.sources import Treat
from include.services.records import Records
from include.specification.usecase import UseCase


class Privacy:
    """``secret`` gives a secret by name, '' without one."""

    def __init__(self, secret: Callable[[str], str], records: Records) -> None:
        self._secret, self._records = secret, records

    @cached_property
    def keys(self) -> KeyRing | None:
        """All keys; None when there are none. Raises SettingsError, which shows no secret."""
        text = self._secret("pseudonym_keys")
        return _parsed("PSEUDONYM", text) if text else None

    def hand_over_keys(self) -> KeyRing:
        """The keys of what leaves; raises SettingsError when they cannot be used, or are among the platform's own."""
        text = self._secret("hand_over_keys")
        hand_over.require_other_keys(self._secret("pseudonym_keys"), text)
        return _parsed("HAND_OVER", text)

    def active_keys(self, spec: UseCase) -> KeyRing | None:
        """The keys up to the one that stored tokens are of; a newer one waits for the DAG ``key_rotation``.

        None when there are no keys. The first use of a key is noted with its fingerprint, so that a key that is added
        later is known to be new, and one that changed is noticed. Raises SettingsError when the keys cannot be used, or
        the one in use is not among them or is another one by now.
        """
        if self.keys is None:
            return None
        state = self._records.privacy(spec)
        if (note := state.key_note()) is None:
            state.use_key(note := self.keys.note())
        try:
            keys = self.keys.noted(note)
        except ValueError as error:
            raise SettingsError(f"{spec.name}: {error}") from None
        if note != keys.note():  # of a release that kept no fingerprint
            state.use_key(keys.note())
        return keys

    def treatment(self, spec: UseCase) -> Treat:
        """What the pipeline does to each raw batch before it is staged; see ``governance.privacy.treatment``."""
        return privacy.treatment(spec, self.active_keys(spec), sorted(self._records.privacy(spec).erased()))


def _parsed(name: str, text: str) -> KeyRing:
    try:
        return KeyRing.parse(text)
    except ValueError as error:
        raise SettingsError(f"MOEBIUS_{name}_KEYS cannot be used: {error}") from None
