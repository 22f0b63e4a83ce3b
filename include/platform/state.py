"""A state root belongs to one environment and has one version; its keys are made once."""

import re
import secrets
from pathlib import Path

from include.adapters.export_files import new_private_key, publish_recipient
from include.adapters.signatures import new_signing_key, publish_signing_key
from include.errors import SettingsError
from include.formats import state_file
from include.platform import beginning
from include.settings import Settings

OWNERS, VERSIONS = r"prod|dev", r"\d+(\.\d+)*"
VERSION = "2"
"""Of the layout of the state root; it changes whenever this release cannot read what an older one wrote."""


def claim(settings: Settings) -> None:
    """Mark the state root with this environment and this version.

    Raises SettingsError when it has another version, or another environment's: prod data must not appear in dev by a
    wrong path.
    """
    _require_version(settings)
    settings.home.mkdir(parents=True, exist_ok=True)
    settings.home.chmod(0o700)
    mark = settings.home / "environment"
    owner = _mark(mark, OWNERS) or settings.environment
    if owner != settings.environment:
        raise SettingsError(
            f"{settings.home} is the state of {owner}, and this is {settings.environment}: "
            f"unset MOEBIUS_HOME, or give each environment its own directory"
        )
    state_file.write(mark, settings.environment, plain=True)
    state_file.write(settings.home / "version", VERSION, plain=True)
    beginning.mark(settings)


def _require_version(settings: Settings) -> None:
    mark = settings.home / "version"
    has_state = state_file.exists(settings.home / "environment") or settings.lake.is_dir()
    version = _mark(mark, VERSIONS) or ("before 1" if has_state else VERSION)
    if version != VERSION:
        raise SettingsError(
            f"{settings.home} holds state of version {version}, and this release of Moebius needs version {VERSION}: "
            "remove the state with `make clean`, or continue with the release of Moebius that wrote it"
        )


def _mark(file: Path, pattern: str) -> str:
    """What a mark says, also where another release wrote it; its copy where it says nothing; '' without both."""
    content = file.read_bytes().decode(errors="replace").strip() if file.is_file() else ""
    if re.fullmatch(pattern, content):
        return content
    return state_file.read_plain(file).strip() if state_file.exists(file) else ""


def make_keys(settings: Settings) -> None:
    """What is not given: the pseudonym key, the private key that opens exports to here, in prod the hand-over keys,
    the password of our login in MLflow, the key that signs approvals.

    The public half of the export key goes to ``<exchange>/recipients``, where whoever exports finds it; that of the
    approval key to ``keys/approval.pub``.
    """
    if not settings.keys_text():
        state_file.write(settings.key_file, f"{new_pseudonym_key()}\n", private=True, plain=True)
    if not settings.private_key_text():
        state_file.write(settings.private_key_file, f"{new_private_key()}\n", private=True, plain=True)
    if settings.environment == "prod" and not settings.hand_over_keys_text():
        state_file.write(settings.hand_over_key_file, f"{new_pseudonym_key()}\n", private=True, plain=True)
    if not settings.mlflow_password_text():
        state_file.write(settings.mlflow_password_file, f"{secrets.token_urlsafe(32)}\n", private=True, plain=True)
    if not settings.approval_key_text():
        state_file.write(settings.approval_key_file, f"{new_signing_key()}\n", private=True, plain=True)
    publish_signing_key(settings.approval_public_keys, settings.approval_key_text())
    publish_recipient(settings.exchange, settings.environment, settings.private_key_text())


def new_pseudonym_key() -> str:
    return f"k01:{secrets.token_urlsafe(32)}"
