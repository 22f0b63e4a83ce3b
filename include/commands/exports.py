"""``moebius export``: for the recipient of an export; see docs/guides/access.md."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from include.errors import SettingsError
from include.formats.plain_text import visible

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from include.contracts.audit import AuditKind
    from include.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Make the key pair of a recipient; open an export that arrived.")


@app.command("new-key")
def new_key_command(name: Annotated[str, typer.Argument(help="the recipient")]) -> None:
    """Make a key pair: the public key goes to the exchange directory, the private key is shown once."""
    from include.settings import load_settings

    with _audited("change", "new_recipient_key", f"recipient {name}"):
        made = new_key(load_settings(), name)
    print(made)


@app.command("open")
def open_command(
    usecase: Annotated[str, typer.Argument(help="the use case that it came from")],
    export: Annotated[str, typer.Argument(help="the name of the export")],
    directory: Annotated[Path, typer.Argument(help="a new directory for the files")],
) -> None:
    """Decrypt an export with the private key of MOEBIUS_PRIVATE_KEY into a new directory."""
    from include.settings import load_settings

    with _audited("access", "open_export", f"export {export}", usecase):
        opened = unpack(load_settings(), usecase, export, directory)
    print(visible(opened))


def _audited(kind: "AuditKind", action: str, what: str, usecase: str = "") -> "AbstractContextManager[None]":
    from include.governance.audited import audited
    from include.services.command_events import by_command
    from include.services.composition import services

    return audited(services().adapters.audit, by_command(kind, action, what=what, usecase=usecase))


def new_key(settings: "Settings", name: str) -> str:
    """Publish the public half of a new key; the private half is only shown."""
    from include.adapters.export_files import fingerprint, new_private_key, public_key, publish_recipient

    private = new_private_key()
    publish_recipient(settings.exchange, name, private)
    mark = fingerprint(public_key(private))
    return f"public key {mark} of {name} is in {settings.exchange / 'recipients'}\nMOEBIUS_PRIVATE_KEY={private}"


def unpack(settings: "Settings", usecase: str, name: str, directory: Path) -> str:
    """Decrypt a whole export into a new directory, or nothing."""
    from include.adapters.export_files import ExportFiles

    if directory.exists():
        raise SettingsError(f"{directory} exists already; name a new directory")
    aside = directory.with_name(f".{directory.name}.aside")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        manifest = ExportFiles(settings.exchange).unpack(usecase, name, settings.private_key_text(), aside)
        aside.rename(directory)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return f"{manifest.rows} rows in {len(manifest.files)} files are in {directory}"
