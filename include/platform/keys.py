"""The embedded platform's own pseudonym key: made once per state root, so that the demo runs without set-up."""

import os
import secrets

from include.settings import Settings


def ensure(settings: Settings) -> None:
    """Make a random key unless the environment or an earlier start gave one; only the owner may read the file."""
    if settings.keys_text():
        return
    settings.key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = settings.key_file.with_suffix(".aside")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"k01:{secrets.token_urlsafe(32)}\n")
    aside.replace(settings.key_file)
