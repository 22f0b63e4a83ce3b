"""``moebius release``; see docs/guides/releases.md."""

from typing import TYPE_CHECKING, Annotated

import typer

from include.formats.plain_text import visible

if TYPE_CHECKING:
    from include.services.composition import Services
    from include.specification.usecase import UseCase

app = typer.Typer(no_args_is_help=True, help="Check the signature of releases; show what a release was made of.")
UseCaseName = Annotated[str, typer.Argument(metavar="USECASE", help="the use case")]
Name = Annotated[str, typer.Argument(metavar="RELEASE", help="the release, like r0001")]


@app.command("verify")
def verify_command(
    usecase: UseCaseName, name: Annotated[str, typer.Argument(metavar="[RELEASE]", help="otherwise all")] = ""
) -> None:
    """Prove the signature and every file of a release, or of all; ends with 1 if one is not as it was signed."""
    from include.services.composition import services
    from include.specification.loader import load_usecase

    lines, whole = checked(load_usecase(usecase), services(), name)
    print(visible("\n".join(lines)))
    raise typer.Exit(0 if whole else 1)


@app.command("bom")
def bom_command(usecase: UseCaseName, name: Name) -> None:
    """Print the bill of materials of a release (CycloneDX 1.6, JSON), after its signature was proved."""
    from include.services.composition import services
    from include.specification.loader import load_usecase

    print(bom(load_usecase(usecase), services(), name))


@app.command("sign")
def sign_command(
    usecase: UseCaseName,
    name: Name,
    reason: Annotated[str, typer.Option(help="why it has no signature; it stands in the signature")],
) -> None:
    """Sign a release that an earlier version of Moebius packaged, if its files and its model are the recorded ones."""
    import getpass

    from include.services.composition import services
    from include.services.release_signing import sign_earlier
    from include.specification.loader import load_usecase

    print(visible(sign_earlier(load_usecase(usecase), services(), name, reason, getpass.getuser(), "command")))


def checked(spec: "UseCase", made: "Services", name: str = "") -> tuple[list[str], bool]:
    """A line for each release and for each fault, and whether all of them are whole."""
    releases = made.adapters.releases
    names = [name] if name else [one.name for one in releases.all(spec.name)]
    faults = {one: releases.faults(spec.name, one) for one in names}
    lines = []
    for one, found in faults.items():
        lines += [f"{one}: {fault}" for fault in found] or [f"{one}: signed, and every file is as it was signed"]
    return lines or [f"{spec.name} has no release"], not any(faults.values())


def bom(spec: "UseCase", made: "Services", name: str) -> str:
    """The document as it is stored; raises NotFoundError when the release has none, DamagedReleaseError."""
    from pathlib import Path

    from include.contracts.deployment import BOM
    from include.errors import NotFoundError

    file = Path(made.adapters.releases.verified(spec.name, name).path) / BOM
    if not file.is_file():
        raise NotFoundError(
            f"{name} of {spec.name} has no bill of materials: an earlier version of Moebius packaged it; package its "
            "model version again with the deployment DAG, after its release directory was deleted"
        )
    return file.read_text()
