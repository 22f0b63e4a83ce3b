"""A state root belongs to one environment and has one version; its keys are made once."""

import secrets

from include.adapters.export_files import new_private_key, publish_recipient
from include.adapters.signatures import new_signing_key, publish_signing_key
from include.contracts.atomic_file import write_atomically
from include.errors import SettingsError
from include.settings import Settings

VERSION = "1"
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
    owner = mark.read_text().strip() if mark.is_file() else settings.environment
    if owner != settings.environment:
        raise SettingsError(
            f"{settings.home} is the state of {owner}, and this is {settings.environment}: "
            f"unset MOEBIUS_HOME, or give each environment its own directory"
        )
    write_atomically(mark, settings.environment)
    write_atomically(settings.home / "version", VERSION)


def _require_version(settings: Settings) -> None:
    mark = settings.home / "version"
    has_state = (settings.home / "environment").is_file() or settings.lake.is_dir()
    version = mark.read_text().strip() if mark.is_file() else "before 1" if has_state else VERSION
    if version != VERSION:
        raise SettingsError(
            f"{settings.home} holds state of version {version}, and this release of Moebius needs version {VERSION}: "
            "remove the state with `make clean`, or continue with the release of Moebius that wrote it"
        )


def make_keys(settings: Settings) -> None:
    """What is not given: the pseudonym key, the private key that opens exports to here, in prod the hand-over keys,
    the password of our login in MLflow, the key that signs approvals.

    The public half of the export key goes to ``<exchange>/recipients``, where whoever exports finds it; that of the
    approval key to ``keys/approval.pub``.
    """
    if not settings.keys_text():
        write_atomically(settings.key_file, f"{new_pseudonym_key()}\n", private=True)
    if not settings.private_key_text():
        write_atomically(settings.private_key_file, f"{new_private_key()}\n", private=True)
    if settings.environment == "prod" and not settings.hand_over_keys_text():
        write_atomically(settings.hand_over_key_file, f"{new_pseudonym_key()}\n", private=True)
    if not settings.mlflow_password_text():
        write_atomically(settings.mlflow_password_file, f"{secrets.token_urlsafe(32)}\n", private=True)
    if not settings.approval_key_text():
        write_atomically(settings.approval_key_file, f"{new_signing_key()}\n", private=True)
    publish_signing_key(settings.approval_public_keys, settings.approval_key_text())
    publish_recipient(settings.exchange, settings.environment, settings.private_key_text())


def new_pseudonym_key() -> str:
    return f"k01:{secrets.token_urlsafe(32)}"
