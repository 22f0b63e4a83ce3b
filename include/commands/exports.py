"""For the recipient of an export: make a key pair, open what came; see docs/guides/access.md."""

import shutil
import sys
from pathlib import Path

from rich.console import Console

from include.adapters.export_files import ExportFiles, fingerprint, new_private_key, public_key, publish_recipient
from include.errors import MoebiusError, SettingsError
from include.settings import Settings, load_settings

USAGE = "usage: python -m include.commands.exports new-key <name> | open <use case> <export> <directory>"


def new_key(settings: Settings, name: str) -> str:
    """Publish the public half of a new key; the private half is only shown."""
    private = new_private_key()
    publish_recipient(settings.exchange, name, private)
    mark = fingerprint(public_key(private))
    return f"public key {mark} of {name} is in {settings.exchange / 'recipients'}\nMOEBIUS_PRIVATE_KEY={private}"


def unpack(settings: Settings, usecase: str, name: str, directory: Path) -> str:
    """Decrypt a whole export into a new directory, or nothing."""
    if directory.exists():
        raise SettingsError(f"{directory} is there already; name a new directory")
    aside = directory.with_name(f".{directory.name}.aside")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        manifest = ExportFiles(settings.exchange).unpack(usecase, name, settings.private_key_text(), aside)
        aside.rename(directory)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return f"{manifest.rows} rows in {len(manifest.files)} files are in {directory}"


def main(arguments: list[str]) -> int:
    console = Console()
    try:
        match arguments:
            case ["new-key", name]:
                print(new_key(load_settings(), name))
            case ["open", usecase, name, directory]:
                print(unpack(load_settings(), usecase, name, Path(directory)))
            case _:
                console.print(USAGE, markup=False)
                return 2
    except MoebiusError as error:
        console.print(f"[red]{type(error).__name__}:[/] {error}", highlight=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
