"""Names of columns and tables: those that the platform keeps for itself, and those that no two may share.

Names of the platform begin with two underscores. No column of a user does, so SQL that has both confuses none. SQL
takes ``K`` and ``k`` for one column, so no table has both.
"""

import re
from collections.abc import Iterable, Iterator

from include.contracts.tables import PART, PERIOD

OURS = "__"
RESERVED = {
    PERIOD: "the lake keeps the rows of each period by it",
    PART: "the lake keeps its files by it",
    "file_row_number": "DuckDB counts the rows of a file by it",
}
RECORDS = frozenset(
    {
        "approval_notices", "approvals", "batch_predictions", "block_losses", "calibration_bins", "collections",
        "decisions", "distributions", "exports", "figures", "gate_results", "given_labels", "lost_answers",
        "period_profiles", "predictions", "privacy_audits", "privacy_records", "quarantine", "reconciliation",
        "retirements", "rollout_events", "scrubs", "slice_figures", "storage", "task_costs", "verdicts",
        "version_operations",
    }
)  # fmt: skip
"""Tables in which the platform keeps its records, beside the user's."""

TABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def column_faults(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(name, why no table may have it as a column)."""
    fit: list[str] = []
    for name in names:
        if why := _column_fault(name):
            yield name, why
        else:
            fit.append(name)
    yield from clashes(fit)


def clashes(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(name, why no table may have it beside one before it)."""
    first: dict[str, str] = {}
    for name in names:
        if (key := name.casefold()) in first:
            kind = "is there twice" if name == first[key] else f"differs from {first[key]!r} by case only"
            yield name, f"{kind}, and SQL takes them for one column"
        first.setdefault(key, name)


def _column_fault(name: str) -> str:
    if not name.strip():
        return "is empty"
    if not name.isprintable():
        return "has a character that cannot be printed"
    if name.startswith(OURS):
        return "begins with two underscores, as names of the platform do"
    reserved = RESERVED.get(name.casefold())
    return f"is reserved: {reserved}" if reserved else ""


def table_faults(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(name, why no table of a use case may have it)."""
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(name.casefold(), name)
        if not TABLE.fullmatch(name):
            yield name, "is no name of a table: letters, digits and underscores, a letter first"
        elif name.casefold() in RECORDS:
            yield name, "is reserved: the platform keeps records in a table of that name"
        elif other != name:
            yield name, f"differs from {other!r} by case only"
