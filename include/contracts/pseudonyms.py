"""Pseudonyms by keyed hash, and their renewal without the clear values.

A token is ``<key id>:<24 hex digits>``: HMAC-SHA256, cut to 96 bits. The first key hashes the clear value, each
later one the token before, so a new key renews stored tokens as they are. Standard library only: the same file
runs in the model server, so that a request and the lake get the same token.
"""

import hashlib
import hmac
import re

DIGITS = 24
TOKEN = r"k\d\d:[0-9a-f]{24}"  # noqa: S105 - a pattern
_ID = re.compile(r"^k\d\d$")
_TOKEN = re.compile(f"^{TOKEN}$")
_REFERENCE = re.compile(r"^(k\d\d)-([0-9a-f]{32})$")
SHORTEST_SECRET = 16
HOW = "write them oldest first, like k01:<secret>,k02:<secret>, each secret 16 characters or more"


class KeyRing:
    """Keys in the order in which they came into use; the last one is current. Never shows a secret."""

    __slots__ = ("_secrets",)

    def __init__(self, secrets: dict) -> None:
        self._secrets = {name: secret.encode() for name, secret in secrets.items()}

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """``k01:<secret>,k02:<secret>``; raises ValueError, which names ids only."""
        pairs = [part.strip().partition(":") for part in text.split(",") if part.strip()]
        names = [name for name, _, _ in pairs]
        if not pairs:
            raise ValueError(f"there are no pseudonym keys; {HOW}")
        if not all(_ID.match(name) for name in names):
            raise ValueError(f"one of {len(names)} pseudonym keys has no id like k01; {HOW}")
        if names != sorted(set(names)):
            raise ValueError(f"pseudonym keys {names} are not in rising order; {HOW}")
        if short := [name for name, _, secret in pairs if len(secret) < SHORTEST_SECRET]:
            raise ValueError(f"pseudonym keys {short} are too short; {HOW}")
        return cls({name: secret for name, _, secret in pairs})

    @property
    def names(self) -> list:
        return list(self._secrets)

    @property
    def current(self) -> str:
        return self.names[-1]

    def until(self, name: str) -> "KeyRing":
        """The ring as it was when ``name`` was current; raises ValueError when it is not in the ring."""
        if name not in self._secrets:
            raise ValueError(f"pseudonym key {name} is needed, but the keys are {self.names}; put it back")
        ring = KeyRing({})
        ring._secrets = {one: secret for one, secret in self._secrets.items() if one <= name}
        return ring

    def note(self) -> str:
        """What is kept where tokens of the current key are: its id, and the fingerprint of it and all before."""
        return f"{self.current} {self.fingerprint}"

    def noted(self, note: str) -> "KeyRing":
        """The ring as it was when the note was made; an old note is an id alone.

        Raises ValueError, which shows no secret, when its key is not in the ring, or a key is another one by now.
        """
        name, _, fingerprint = note.strip().partition(" ")
        ring = self.until(name)
        if fingerprint and fingerprint != ring.fingerprint:
            raise ValueError(
                f"a pseudonym key up to {name} is not the one that stored tokens were made with (fingerprint "
                f"{ring.fingerprint}, not {fingerprint}): put the right keys back, from the backup or the copy of "
                "keys/pseudonym.keys; `moebius doctor` names what it finds"
            )
        return ring

    @property
    def fingerprint(self) -> str:
        """Names these keys in this order; no secret and no token follows from it."""
        digest = "fingerprint"
        for secret in self._secrets.values():
            digest = hmac.digest(secret, f"fingerprint {digest}".encode(), "sha256").hex()
        return digest[:16]

    def token(self, value: str) -> str:
        """The pseudonym of a clear value; '' (nothing known) stays ''."""
        if not value:
            return value
        digest = ""
        for secret in self._secrets.values():
            digest = _hash(secret, digest or value)
        return f"{self.current}:{digest}"

    def renew(self, token: str) -> str:
        """A token of any key of the ring as a token of the current one."""
        name, _, digest = token.partition(":")
        if name not in self._secrets:
            raise ValueError(f"a stored token is of key {name}, but the keys are {self.names}; put it back")
        for later, secret in self._secrets.items():
            digest = _hash(secret, digest) if later > name else digest
        return f"{self.current}:{digest}"

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self.names)})"


def is_token(text: str) -> bool:
    return bool(_TOKEN.match(text))


def reference(token: str) -> str:
    """What names a subject in a form or a record: neither its value nor its pseudonym follows from it."""
    return f"{token[:3]}-{hashlib.sha256(token.encode()).hexdigest()[:32]}"


def key_of(subject: str) -> str:
    """The key id in a reference; raises ValueError when it is none."""
    if not (match := _REFERENCE.match(subject)):
        raise ValueError("name a subject by its reference, like k01-<32 hex digits>; see docs/guides/privacy.md")
    return match[1]


def _hash(secret: bytes, text: str) -> str:
    return hmac.digest(secret, text.encode(), "sha256").hex()[:DIGITS]
