"""How an engine that evaluates checks turns what it measured into the outcome of a check."""

from typing import Any

import pyarrow as pa

from include.contracts.quality import Check, CheckOutcome

LARGEST = 2**63
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


def with_whole_numbers(check: Check, schema: pa.Schema) -> Check:
    """The check with arguments that compare exactly with the values of its columns.

    For columns of integers 5.0 is 5, and a fraction among the values of a set is left out, which no integer equals:
    beside a float both engines would compare as float64, to which integers beyond 2**53 are one.
    """
    columns = [column for column in check.columns if column in schema.names]
    if not columns or not all(pa.types.is_integer(schema.field(column).type) for column in columns):
        return check
    kwargs = {name: _whole(value) for name, value in check.kwargs.items() if name not in ("mostly", "value_set")}
    if given := check.kwargs.get("value_set"):
        values = [_whole(value) for value in given]
        whole = [value for value in values if not isinstance(value, float)]
        kwargs["value_set"] = whole if any(isinstance(value, int) for value in whole) else values
    return check.model_copy(update={"kwargs": {**check.kwargs, **kwargs}})


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST else value


def _outcome(check: Check, rows: int, **result: Any) -> CheckOutcome:
    own = {"check": check.id, "table": check.table, "expectation": check.type, "dimension": check.dimension}
    column = ", ".join(check.columns) or None
    return CheckOutcome.model_validate({**own, "column": column, "severity": check.severity, "rows": rows, **result})
