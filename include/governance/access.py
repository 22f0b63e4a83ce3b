"""Read access: a role reads the columns of its privacy class and lower classes; single tables may have other rules."""

from collections.abc import Collection, Iterable
from typing import Any

import pyarrow as pa

from include.contracts.governance import LEVELS, Level, Role
from include.contracts.record import Record
from include.errors import AccessError
from include.records.privacy import column_level
from include.records.registry import RECORD_TABLES
from include.specification.usecase import UseCase


def known_tables(spec: UseCase) -> list[str]:
    """Every table that access can be set for: sources, published tables, feature views, records."""
    return sorted({*spec.sources, *spec.tables, *spec.feature_views, *RECORD_TABLES})


class Access(Record):
    """``roles``: the highest class that a role reads; ``tables``: the same for ``<use case>.<table>`` alone.

    Every method raises AccessError when the role or the table is not known; it names those that are.
    """

    roles: dict[Role, Level]
    tables: dict[str, dict[Role, Level]]

    def check(self, specs: Iterable[UseCase], unknown: Collection[str] = ()) -> None:
        """Raise AccessError when a rule is for a table that no use case has.

        ``unknown`` are the use cases whose spec cannot be read: nobody knows their tables.
        """
        known = {f"{spec.name}.{table}" for spec in specs for table in known_tables(spec)}
        asked = {table for table in self.tables if table.partition(".")[0] not in unknown}
        if wrong := sorted(asked - known):
            raise AccessError(f"MOEBIUS_TABLE_ACCESS names the tables {wrong}; there are {sorted(known)}")

    def level(self, role: str, spec: UseCase, table: str) -> Level:
        """The highest class that the role reads of the table."""
        if role not in self.roles:
            raise AccessError(f"there is no role {role!r}; access is set for {sorted(self.roles)} (MOEBIUS_ACCESS)")
        if table not in known_tables(spec):
            raise AccessError(f"{spec.name} has no table {table!r}; it has {known_tables(spec)}")
        rules: dict[Any, Level] = self.tables.get(f"{spec.name}.{table}", {})
        roles: dict[Any, Level] = {**self.roles, **rules}
        return roles[role]

    def reads(self, role: str, spec: UseCase, table: str, level: Level) -> bool:
        """Whether the role reads columns of this class in the table."""
        return LEVELS.index(self.level(role, spec, table)) >= LEVELS.index(level)

    def visible_columns(self, role: str, spec: UseCase, table: str, columns: Iterable[str]) -> list[str]:
        """Those of the columns that the role may read, in their order; [] when it may not read the table."""
        return [c for c in columns if self.reads(role, spec, table, column_level(spec, table, c))]

    def require(self, role: str, spec: UseCase, table: str, columns: Iterable[str]) -> list[str]:
        """The visible columns; raises AccessError when there is none."""
        wanted = list(columns)
        if not (visible := self.visible_columns(role, spec, table, wanted)):
            raise AccessError(
                f"the role {role!r} reads {spec.name}.{table} up to class {self.level(role, spec, table)!r}, and all "
                f"of {wanted} is above; ask somebody with a higher role, or change MOEBIUS_ACCESS (one table: "
                f"MOEBIUS_TABLE_ACCESS)"
            )
        return visible

    def visible_rows(self, role: str, spec: UseCase, table: str, rows: pa.Table) -> pa.Table:
        """The rows with the visible columns alone; raises AccessError when there is none."""
        return rows.select(self.require(role, spec, table, rows.column_names))
