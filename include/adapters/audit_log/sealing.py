"""Values of people in an event, sealed under their keys (AES-256-GCM)."""

import os
from base64 import b64decode, b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12


def seal(key: bytes, value: str, about: bytes) -> str:
    """The value, unreadable without the key, and bound to what it stands beside."""
    nonce = os.urandom(NONCE)
    return b64encode(nonce + _cipher(key).encrypt(nonce, value.encode(), about)).decode()


def unseal(key: bytes, sealed: str, about: bytes) -> str | None:
    """The value; None when it was sealed under another key, or beside something else."""
    content = b64decode(sealed)
    try:
        return _cipher(key).decrypt(content[:NONCE], content[NONCE:], about).decode()
    except InvalidTag:
        return None


def _cipher(key: bytes) -> AESGCM:
    return AESGCM(key[: len(key) // 2])
