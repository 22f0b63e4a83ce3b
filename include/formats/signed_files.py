"""Files of a directory, signed as OpenSSF model signing has it: an in-toto statement in a DSSE envelope.

The statement (https://in-toto.io/Statement/v1) has the predicate type ``https://model_signing/signature/v1.0``: its
``resources`` name each file with its SHA-256, its one ``subject`` has a name and the SHA-256 of these digests, as bytes
and in this order. The signature is of DSSE's pre-authentication encoding of the payload. Standard library only.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"

Sign = Callable[[str], tuple[str, str]]
"""A text → its signature in base64, and the id of the key."""
Verifies = Callable[[str, str, str], bool]
"""Whether the key of this id (the third) signed exactly this text (the first) with this signature."""


class UnprovedError(ValueError):
    """An envelope does not prove what it should; says why."""


def statement(
    subject: str, digests: Mapping[str, str], ignored: Sequence[str], facts: Mapping[str, Any] | None = None
) -> str:
    """The payload, as text; ``digests`` are file → SHA-256 (hex), ``ignored`` files that are not signed.

    ``facts`` stand in the predicate beside what the specification has; other verifiers ignore them.
    """
    names = sorted(digests, key=PurePosixPath)
    return json.dumps(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": subject, "digest": {"sha256": digest_of(digests[name] for name in names)}}],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "serialization": {
                    "method": "files",
                    "hash_type": "sha256",
                    "allow_symlinks": False,
                    "ignore_paths": [*ignored],
                },
                "resources": [{"name": name, "algorithm": "sha256", "digest": digests[name]} for name in names],
                **(facts or {}),
            },
        },
        indent=1,
    )


def digest_of(digests: Iterator[str] | Sequence[str]) -> str:
    """The SHA-256 of hexadecimal digests, as bytes one after the other."""
    return hashlib.sha256(b"".join(bytes.fromhex(one) for one in digests)).hexdigest()


def encoded_for_signing(payload: str) -> str:
    """DSSE's pre-authentication encoding, which is what is signed; its lengths are in bytes."""
    return f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(payload.encode())} {payload}"


def envelope(payload: str, sign: Sign) -> str:
    """The signed payload, as JSON."""
    value, key = sign(encoded_for_signing(payload))
    return json.dumps(
        {
            "payloadType": PAYLOAD_TYPE,
            "payload": base64.b64encode(payload.encode()).decode(),
            "signatures": [{"keyid": key, "sig": value}],
        },
        indent=1,
    )


def opened(text: str, verifies: Verifies) -> dict[str, Any]:
    """The statement of an envelope that a known key signed, with a subject that is the digest of its resources.

    Raises UnprovedError for any other one.
    """
    try:
        said = json.loads(text)
        payload = _decoded(said["payload"]).decode()
        signed = [(one["sig"], str(one["keyid"])) for one in said["signatures"] if _decoded(one["sig"])]
        known = json.loads(payload)
        resources = files_of(known)
        subject = known["subject"][0]["digest"]["sha256"]
        kinds = said["payloadType"], known["_type"], known["predicateType"]
    except (ValueError, KeyError, IndexError, TypeError, binascii.Error) as error:
        raise UnprovedError(f"it is no envelope of a statement ({type(error).__name__})") from None
    if kinds != (PAYLOAD_TYPE, STATEMENT_TYPE, PREDICATE_TYPE):
        raise UnprovedError(f"it is an envelope of {kinds}, not of a model's signature")
    if not any(verifies(encoded_for_signing(payload), *one) for one in signed):
        raise UnprovedError(f"no key of this state root signed it (it names {sorted(key for _, key in signed)})")
    if digest_of([*resources.values()]) != subject:
        raise UnprovedError("its subject is not the digest of its resources")
    return dict(known)


def _decoded(text: str) -> bytes:
    """Of base64 in its one form: the last letter has bits that decoding ignores."""
    content = base64.b64decode(text, validate=True)
    if base64.b64encode(content).decode() != text:
        raise ValueError("it is base64 with other last bits")
    return content


def subject_of(known: Mapping[str, Any]) -> str:
    """What a statement is about."""
    return str(known["subject"][0]["name"])


def files_of(known: Mapping[str, Any]) -> dict[str, str]:
    """File → SHA-256, in the order of the statement."""
    return {str(one["name"]): str(one["digest"]) for one in known["predicate"]["resources"]}


def below(directory: Path) -> list[str]:
    """Every file below the directory, as the statement names it: hidden ones, too, without Python's caches."""
    files = (file.relative_to(directory) for file in directory.rglob("*") if file.is_file())
    return [file.as_posix() for file in files if "__pycache__" not in file.parts]
