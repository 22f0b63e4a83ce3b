"""``moebius read``."""

from typing import Annotated

import typer

SHOWN = 20


def read(
    table: Annotated[str, typer.Argument(help="<use case>.<table>, like my_case.events")],
    role: Annotated[str, typer.Argument(help="viewer, user, op or admin")],
    month: Annotated[str | None, typer.Argument(help="one month, like 2013-04; otherwise all")] = None,
) -> None:
    """Show the first rows of a table as a role sees them: columns that the role may not read are left out."""
    from rich import print as show
    from rich.table import Table

    from include.contracts.period import Period
    from include.loop.export import read_as
    from include.services.composition import services
    from include.specification.loader import load_usecase

    usecase, _, name = table.partition(".")
    if not name:
        raise typer.BadParameter(f"{table!r} is not <use case>.<table>")
    rows = read_as(load_usecase(usecase), services(), role, name, Period(month) if month else None)
    shown = Table(*rows.column_names, title=f"{table} as {role}: {rows.num_rows} rows")
    for row in rows.slice(0, SHOWN).to_pylist():
        shown.add_row(*map(str, row.values()))
    show(shown)
