"""``moebius read``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from include.contracts.audit import AuditEvent
    from include.specification.usecase import UseCase

SHOWN = 20
Form = Literal["auto", "table", "records", "csv", "json"]


def read(
    table: Annotated[str, typer.Argument(help="<use case>.<table>, like my_case.events")],
    role: Annotated[str, typer.Argument(help="viewer, engineer, operator, approver, auditor or admin")],
    period: Annotated[str | None, typer.Argument(help="one period, like 2013-04 or 2013-04-01; otherwise all")] = None,
    entity: Annotated[
        list[str] | None, typer.Option(help="only rows with this value, like tailnum=N12345; several: all must hold")
    ] = None,
    columns: Annotated[str | None, typer.Option(help="only these columns, like tailnum,late")] = None,
    rows: Annotated[int, typer.Option(min=1, help="show at most so many rows")] = SHOWN,
    form: Annotated[
        Form,
        typer.Option("--format", help="auto: a table if it fits the terminal, else one record per row; csv for a pipe"),
    ] = "auto",
) -> None:
    """Show the first rows of a table as a role sees them: columns that the role may not read are left out."""
    from include.commands import rows_shown
    from include.contracts.period import Period
    from include.governance.audited import looked_at
    from include.loop.export import read_as
    from include.services.composition import services
    from include.specification.loader import load_usecase

    usecase, _, name = table.rpartition(".")
    if not usecase:
        raise typer.BadParameter(f"{table!r} is not <use case>.<table>")
    equal = dict(map(condition, entity or []))
    wanted = Period(period) if period else None
    spec, here = load_usecase(usecase), services()
    with looked_at(here.adapters.audit, reading(spec, name, role, wanted, equal)):
        found = read_as(spec, here, role, name, wanted, equal)
    if columns:
        found = found.select(_chosen(columns, found.column_names))
    more = f", the first {rows} of them" if found.num_rows > rows else ""
    rows_shown.show(found.slice(0, rows), form, f"{table} as {role}: {found.num_rows} rows{more}")


def reading(spec: "UseCase", table: str, role: str, period: str | None, equal: Mapping[str, str]) -> "AuditEvent":
    """The event of looking at a table; what may be a person's stands where an erasure reaches it."""
    from include.governance.access import known_tables
    from include.records.privacy import column_level
    from include.services.command_events import by_command

    open_to_all = {c for c in equal if table in known_tables(spec) and column_level(spec, table, c) != "personal"}
    return by_command(
        "access", "read_table", usecase=spec.name, what=f"table {table} {period or 'all periods'}",
        subject={c: value for c, value in equal.items() if c not in open_to_all},
        facts={"role": role, "where": {c: equal[c] for c in sorted(open_to_all)}},
    )  # fmt: skip


def condition(text: str) -> tuple[str, str]:
    column, sign, value = text.partition("=")
    if not column or not sign:
        raise typer.BadParameter(f"--entity {text!r} is not <column>=<value>, like tailnum=N12345")
    return column, value


def _chosen(text: str, there: list[str]) -> list[str]:
    wanted = [name.strip() for name in text.split(",")]
    if unknown := [name for name in wanted if name not in there]:
        raise typer.BadParameter(f"--columns names {unknown}; the columns are {there}")
    return wanted
