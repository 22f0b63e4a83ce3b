"""Which columns a column is computed from, read from the use case's own Ibis expressions.

The expressions are built on tables without rows, so nothing is computed. A column comes from another column if the
other column's value enters it, also through windows and join keys; filters do not count.
"""

from collections.abc import Mapping

import ibis
import ibis.expr.operations as ops
import numpy as np

from include.contracts.period import Period
from include.specification import modules
from include.specification.usecase import UseCase

IBIS = {
    "string": "string",
    "integer": "int64",
    "number": "float64",
    "boolean": "boolean",
    "timestamp": "timestamp('UTC')",
}
STAGED = {**IBIS, "timestamp": "timestamp('UTC', 6)"}
"""As ``collect`` writes them."""
Origin = tuple[str, str]
"""(table, column)"""
Lineage = dict[str, dict[str, frozenset[Origin]]]
"""table → column → the columns it is computed from; a constant comes from none."""


def of_tables(spec: UseCase) -> tuple[Lineage, Lineage]:
    """Column lineage of a use case: (source → cleaned table, cleaned table → feature view).

    A table whose expression has an operation that the walk does not know is left out: no lineage rather
    than a wrong one.
    """
    cleaned, built = expressions(spec)
    return lineage(cleaned), lineage(built)


def expressions(spec: UseCase) -> tuple[dict[str, ibis.Table], dict[str, ibis.Table]]:
    """What ``process`` and ``build`` make of tables without rows. Raises SpecError when they cannot be used."""
    raw = {
        name: ibis.table({column: STAGED[kind] for column, kind in source.columns.items()}, name=name)
        for name, source in spec.sources.items()
    }
    cleaned = modules.tables(spec.name, "process", ["events"], raw)
    tables = {table: ibis.table(rows.schema(), name=table) for table, rows in cleaned.items()}
    earlier = {
        table: tables[table] for table, source in spec.sources.items() if source.history.hours and table in tables
    }
    built = modules.tables(spec.name, "build", spec.feature_views, tables, Period(spec.periods.first), earlier)
    return cleaned, built


def of_request(spec: UseCase) -> frozenset[str]:
    """The request fields that the ``on_request`` features of a use case are computed from, all taken together."""
    asked: set[str] = set()

    class Asked(dict[str, np.ndarray]):
        def __getitem__(self, field: str) -> np.ndarray:
            asked.add(field)
            return super().__getitem__(field)

    fields = Asked({column: np.ones(1) for column in spec.fields})
    modules.function(spec.name, "request", "on_request")(fields)
    return frozenset(asked)


def lineage(tables: Mapping[str, ibis.Table]) -> Lineage:
    """Column lineage of tables that are expressions on unbound tables."""
    found: Lineage = {}
    for table, rows in tables.items():
        relation = rows.op()
        try:
            found[table] = {column: frozenset(_origins(relation, column)) for column in relation.schema.names}
        except UnknownOperationError:
            continue
    return found


class UnknownOperationError(Exception):
    """A relation whose columns cannot be followed."""


def _origins(relation: ops.Relation, column: str) -> set[Origin]:
    """The leaf columns of one column of a relation."""
    if isinstance(relation, ops.UnboundTable):
        return {(relation.name, column)}
    if isinstance(relation, ops.Set):  # union, intersection, difference: by name, from both sides
        return _origins(relation.left, column) | _origins(relation.right, column)
    if isinstance(relation, ops.JoinReference | ops.SelfReference | ops.Sort | ops.Limit | ops.Filter | ops.Distinct):
        return _origins(relation.parent, column)
    if isinstance(relation, ops.Project | ops.Aggregate | ops.JoinChain):
        keys = _join_keys(relation) if isinstance(relation, ops.JoinChain) else []
        if isinstance(relation, ops.Aggregate):
            keys = list(relation.groups.values())
        return _of_values([relation.values[column], *keys])
    raise UnknownOperationError(type(relation).__name__)


def _join_keys(chain: ops.JoinChain) -> list[ops.Value]:
    return [predicate for link in chain.rest for predicate in link.predicates]


def _of_values(values: list[ops.Value]) -> set[Origin]:
    """The leaf columns of value expressions; a subquery inside one is not followed."""
    origins: set[Origin] = set()
    for value in values:
        if value.find(ops.Subquery):
            raise UnknownOperationError("Subquery")
        for field in value.find(ops.Field, filter=ops.Value):
            origins |= _origins(field.rel, field.name)
    return origins
