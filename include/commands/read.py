"""A table as a role sees it: ``python -m include.commands.read <use case>.<table> <role> [<month>]``."""

import sys

from rich.console import Console
from rich.table import Table

from include.errors import MoebiusError
from include.loop.export import read_as
from include.services.composition import services
from include.specification.loader import load_usecase

SHOWN = 20


def main(arguments: list[str]) -> int:
    console = Console()
    if not 2 <= len(arguments) <= 3 or "." not in arguments[0]:
        console.print("usage: python -m include.commands.read <use case>.<table> <role> [<month, like 2013-04>]")
        return 2
    usecase, _, table = arguments[0].partition(".")
    try:
        rows = read_as(load_usecase(usecase), services(), arguments[1], table, *arguments[2:])
    except MoebiusError as error:
        console.print(f"[red]{type(error).__name__}:[/] {error}", highlight=False)
        return 1
    shown = Table(*rows.column_names, title=f"{arguments[0]} as {arguments[1]}: {rows.num_rows} rows")
    for row in rows.slice(0, SHOWN).to_pylist():
        shown.add_row(*map(str, row.values()))
    console.print(shown)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
