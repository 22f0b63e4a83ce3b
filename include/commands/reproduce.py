"""Trains a registered model again and compares: ``python -m include.commands.reproduce <use case>/<version>``.

Ends with 0 when the answers are the same within what the trainer allows, 1 when they are not, 2 when it cannot be told.
"""

import sys

from rich.console import Console

from include.errors import MoebiusError
from include.loop.reproduction import reproduce
from include.services.composition import services
from include.specification.loader import load_usecase


def main(arguments: list[str]) -> int:
    console = Console(highlight=False)
    usecase, _, version = arguments[0].partition("/") if len(arguments) == 1 else ("", "", "")
    if not version.isdigit():
        console.print("usage: make reproduce MODEL=<use case>/<version>, like my_case/3")
        return 2
    try:
        found = reproduce(load_usecase(usecase), services(), int(version))
    except MoebiusError as error:
        console.print(f"[red]{type(error).__name__}:[/] {error}")
        return 2
    console.print(f"{usecase}/{version}\n{found.describe()}", markup=False)
    return 0 if found.reproduced else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
