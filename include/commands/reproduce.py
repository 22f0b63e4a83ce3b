"""``moebius reproduce``."""

from typing import Annotated

import typer

from include.commands.failure import report
from include.errors import MoebiusError


def reproduce(model: Annotated[str, typer.Argument(help="<use case>/<version>, like my_case/3")]) -> None:
    """Train a registered model again from its recorded data and parameters, and compare the answers of both.

    Ends with 0 when they agree within what the trainer allows, with 1 when they do not, with 2 when that cannot be
    determined. The platform must be up.
    """
    usecase, _, version = model.partition("/")
    if not version.isdigit():
        raise typer.BadParameter(f"{model!r} is not <use case>/<version>")
    try:
        reproduced = _reproduced(usecase, int(version))
    except MoebiusError as error:
        raise typer.Exit(report(error, code=2)) from error
    raise typer.Exit(0 if reproduced else 1)


def _reproduced(usecase: str, version: int) -> bool:
    from include.loop import reproduction
    from include.services.composition import services
    from include.specification.loader import load_usecase

    outcome = reproduction.reproduce(load_usecase(usecase), services(), version)
    print(f"{usecase}/{version}\n{outcome.describe()}")
    return outcome.reproduced
