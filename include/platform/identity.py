"""What a state root is made of: fingerprints of its keys and the databases that it has, in ``platform/identity.json``.

So a key that was cut, and a database that is empty or gone, cannot pass for one that was never there.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from include.contracts.record import Record
from include.errors import SettingsError
from include.formats import state_file
from include.platform import secrets
from include.process_environment import inherited_environment
from include.settings import Settings

RINGS = frozenset({"keys/pseudonym.keys", "keys/hand_over.keys"})
"""Key files that hold several keys by name."""


class Identity(Record):
    """``keys``: file → name of the key ('' where a file is one key) → fingerprint; ``databases``: file → since when."""

    keys: dict[str, dict[str, str]] = Field(default_factory=dict)
    databases: dict[str, str] = Field(default_factory=dict)


def file(settings: Settings) -> Path:
    return settings.home / "platform" / "identity.json"


def read(settings: Settings) -> Identity:
    """What was noted; nothing in a state root that is new, or of an earlier release. Raises DamagedStateError."""
    place = file(settings)
    return Identity.read_back(state_file.read(place), place) if state_file.exists(place) else Identity()


def note(settings: Settings, **changes: Mapping[str, Any]) -> None:
    """Add to what is noted; nothing is written when nothing is new."""
    known = read(settings).json_dict()
    now = {**known, **{field: {**known[field], **entries} for field, entries in changes.items()}}
    if now != known:
        state_file.write(file(settings), json.dumps(now, indent=1), private=True)


def forget(settings: Settings, name: str) -> None:
    """What is noted of this file no longer holds."""
    known = read(settings)
    left = {field: {k: v for k, v in entries.items() if k != name} for field, entries in known.json_dict().items()}
    state_file.write(file(settings), json.dumps(left, indent=1), private=True)


def key_files(settings: Settings) -> dict[Path, bool]:
    """Every file with a secret of this state root, whether or not it is there; True: its value is given elsewhere."""
    given = inherited_environment()
    return {
        settings.key_file: bool(settings.pseudonym_keys.get_secret_value()),
        settings.private_key_file: bool(settings.private_key.get_secret_value()),
        settings.hand_over_key_file: bool(settings.hand_over_keys.get_secret_value()),
        settings.mlflow_password_file: bool(settings.mlflow_password.get_secret_value()),
        settings.approval_key_file: bool(settings.approval_key.get_secret_value()),
        **{settings.home / path: variable in given for variable, path in secrets.MADE.values()},
    }


def faults_of_keys(settings: Settings) -> Iterator[str]:
    """What is wrong with the key files: a noted key is gone, or is another one."""
    noted = read(settings).keys
    for path in (path for path, given in key_files(settings).items() if not given):
        name = str(path.relative_to(settings.home))
        now = _fingerprints(name, _held(path))
        if lost := [key for key, mark in noted.get(name, {}).items() if now.get(key) != mark]:
            yield _changed(path, name, lost)


def require_keys(settings: Settings) -> None:
    """Note the fingerprints of new keys, and renew the copies of files that have grown.

    Raises SettingsError when a key that is noted is gone or another one, before anybody makes it anew.
    """
    for fault in faults_of_keys(settings):
        raise SettingsError(fault)
    new = dict[str, dict[str, str]]()
    for path in (path for path, given in key_files(settings).items() if not given and _held(path)):
        name = str(path.relative_to(settings.home))
        text = _held(path)
        new[name] = _fingerprints(name, text)
        if not state_file.look(path, plain=True).sealed:
            state_file.write(path, text, private=True, plain=True)
    note(settings, keys=new)


def _held(path: Path) -> str:
    try:
        return state_file.read_plain(path)
    except FileNotFoundError:
        return ""


def _fingerprints(name: str, text: str) -> dict[str, str]:
    if name not in RINGS:
        return {"": _fingerprint(text)} if text.strip() else {}
    pairs = [part.strip().partition(":") for part in text.split(",") if part.strip()]
    return {key: _fingerprint(secret) for key, _, secret in pairs}


def _fingerprint(secret: str) -> str:
    return hashlib.sha256(f"fingerprint of {secret.strip()}".encode()).hexdigest()[:16]


def _changed(path: Path, name: str, lost: list[str]) -> str:
    which = f"the keys {', '.join(lost)} of " if any(lost) else ""
    return (
        f"{which}{path} are not those that this state root was made with: restore the file from your backup. If they "
        f"are lost for good, `moebius doctor --accept {name}` takes what is there; what was written with them cannot "
        "be joined, opened or proved any more"
    )
