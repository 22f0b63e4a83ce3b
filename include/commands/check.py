"""``moebius check``."""

import sys
from typing import Annotated

import typer


def check(usecase: Annotated[str | None, typer.Argument(help="one use case; otherwise all")] = None) -> None:
    """Check the files of use cases: spec, modules, Feast definitions, suites, queries. Ends with 1 if one is faulty."""
    from include.services import checking
    from include.services.composition import services
    from include.specification.loader import usecase_names

    faults = checking.check(services(), *([usecase] if usecase else []))
    for line in (line for lines in faults.values() for line in lines):
        print(line, file=sys.stderr)
    if faults:
        raise typer.Exit(1)
    print(f"can be used: {usecase or ', '.join(usecase_names())}")
