"""``moebius access``; see docs/guides/access.md."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from include.contracts.access_review import AccessReview

app = typer.Typer(no_args_is_help=True, help="Who may do what, and who used it when.")
COLUMNS = ("kind", "name", "role", "owner", "last used, UTC", "looks wrong")


@app.callback()
def access() -> None:
    """Who may do what, and who used it when."""


@app.command("review")
def review_command(
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table")] = False,
) -> None:
    """List logins, clients of the gateway, MLflow logins and recipients of exports; the review is kept as a file."""
    from datetime import UTC, datetime
    from getpass import getuser

    from rich.console import Console

    from include.formats.plain_text import visible
    from include.platform import access_review
    from include.services.composition import services

    here = services()
    made = access_review.make(here, datetime.now(UTC))
    file = access_review.keep(here, made, getuser())
    if as_json:
        print(made.model_dump_json(indent=1))
        return
    Console().print(_table(made))
    for one in {(one.kind, one.role, one.may): one for one in made.entries}.values():
        print(visible(f"{one.kind}, {one.role}: {one.may}"))
    print(visible(f"{made.findings} things look wrong; kept in {file}"))


def _table(made: "AccessReview") -> "Table":
    from rich.table import Table
    from rich.text import Text

    from include.formats.plain_text import visible

    known = f"uses are known since {made.since:%Y-%m-%d}" if made.since else "no use is known yet"
    table = Table(title=Text(f"Access review of {made.at:%Y-%m-%d %H:%M} UTC; {known}"))
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    for one in made.entries:
        used = f"{one.used_at:%Y-%m-%d %H:%M}" if one.used_at else ""
        cells = (one.kind, one.name, one.role, one.owner, used, "\n".join(one.findings))
        table.add_row(*(Text("\n".join(map(visible, cell.splitlines()))) for cell in cells))
    return table
