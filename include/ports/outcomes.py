"""How an engine that evaluates checks turns what it measured into the outcome of a check."""

from typing import Any

from include.contracts.quality import Check, CheckOutcome

WHOLE_TABLE = ("row_count", "columns_to_match", "type_list", "mean", "value_count")
"""Parts of the names of expectations whose observed value is of the whole table, so it shows no value of a row."""


def broken(check: Check, rows: int, why: str) -> CheckOutcome:
    """The check could not be evaluated."""
    return _outcome(check, rows, broken=True, detail=f"the check broke: {why}")


def judged(check: Check, rows: int, unexpected: int, passed: bool, observed: Any = None) -> CheckOutcome:
    """The check was evaluated on so many rows, of which ``unexpected`` failed it."""
    expected = [f"{k}={v}" for k, v in check.kwargs.items() if not k.startswith(("column", "batch"))]
    seen = f"observed {observed}" if any(word in check.type for word in WHOLE_TABLE) else ""
    detail = "; ".join(part for part in (", ".join(expected), seen, check.notes) if part)
    return _outcome(check, rows, unexpected=unexpected, passed=passed, detail=detail)


def _outcome(check: Check, rows: int, **result: Any) -> CheckOutcome:
    own = {"check": check.id, "table": check.table, "expectation": check.type, "dimension": check.dimension}
    column = ", ".join(check.columns) or None
    return CheckOutcome.model_validate({**own, "column": column, "severity": check.severity, "rows": rows, **result})
