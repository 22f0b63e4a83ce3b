"""Ed25519 signatures with the key of this state root (fulfils ports.signatures.Signatures)."""

import base64
import binascii
import hashlib
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from include.errors import SettingsError
from include.formats import state_file
from include.formats.key_text import read_key, text_of
from include.ports.signatures import Signature, Verifier


def new_signing_key() -> str:
    """A private key as base64 text."""
    return text_of(Ed25519PrivateKey.generate().private_bytes_raw())


def publish_signing_key(file: Path, private: str) -> None:
    """Add the public half to the keys that this state root trusts; earlier keys go on to verify what they signed."""
    known = _trusted(file)
    public = text_of(_private(private).public_key().public_bytes_raw())
    if public not in known:
        state_file.write(file, "\n".join([*known, public]) + "\n", plain=True)


class StateRootSignatures:
    """``private`` is '' in a process that only reads; ``trusted`` has one public key a line."""

    def __init__(self, private: str, trusted: Path) -> None:
        self._private, self._trusted = private, trusted

    def sign(self, text: str) -> Signature:
        if not self._private:
            raise SettingsError(
                "this process has no key to sign approvals and releases with: `make up` makes one in <home>/keys, or "
                "set MOEBIUS_APPROVAL_KEY for Airflow's scheduler and workers"
            )
        key = _private(self._private)
        return Signature(text_of(key.sign(text.encode())), fingerprint(text_of(key.public_key().public_bytes_raw())))

    def verifier(self) -> Verifier:
        keys = self._keys()

        def verifies(text: str, signature: Signature) -> bool:
            key = keys.get(signature.key)
            return key is not None and _is_signed(key, text, signature.value)

        return verifies

    def _keys(self) -> dict[str, str]:
        """Fingerprint → public key."""
        public = _trusted(self._trusted)
        if self._private:
            public.append(text_of(_private(self._private).public_key().public_bytes_raw()))
        return {fingerprint(key): key for key in public}


def fingerprint(public: str) -> str:
    return hashlib.sha256(public.encode()).hexdigest()[:16]


def _trusted(file: Path) -> list[str]:
    return state_file.read_plain(file).split() if state_file.exists(file) else []


def _is_signed(key: str, text: str, value: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(key)).verify(base64.b64decode(value), text.encode())
    except (InvalidSignature, binascii.Error):
        return False
    return True


def _private(text: str) -> Ed25519PrivateKey:
    return read_key(
        text,
        Ed25519PrivateKey.from_private_bytes,
        "MOEBIUS_APPROVAL_KEY, or keys/approval.key below the state root, is not an Ed25519 private key "
        "(32 bytes in base64): restore it from the backup",
    )
