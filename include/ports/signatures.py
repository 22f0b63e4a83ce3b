"""Signatures of what is recorded."""

from collections.abc import Callable
from typing import NamedTuple, Protocol


class Signature(NamedTuple):
    """``value`` in base64, and the fingerprint of the public ``key`` that verifies it."""

    value: str
    key: str


Verifier = Callable[[str, Signature], bool]
"""Whether a key of this state root signed exactly this text."""


class Signatures(Protocol):
    """Signs with the private key of this state root, where the process has it; verifies with the public keys."""

    def sign(self, text: str) -> Signature:
        """Raises SettingsError in a process that has no private key."""

    def verifier(self) -> Verifier:
        """With the public keys as they are now, read once for as many signatures as there are."""
