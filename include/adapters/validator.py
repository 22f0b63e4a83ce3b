"""Expectations evaluated by Great Expectations' pandas engine (fulfils ports.CheckEngine).

They are read into an in-memory context: a file context would rewrite its project at every run.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from include.contracts.quality import EXISTS, Check, CheckOutcome
from include.formats.exact_frames import exact_frame
from include.ports.outcomes import broken, judged, with_whole_numbers

if TYPE_CHECKING:
    import great_expectations as gx


TYPES = ("type_list", "type_")
INTEGERS = pd.arrays.IntegerArray
AsJudged = Callable[[pd.DataFrame, set[str]], pd.DataFrame]


class ExpectationEngine:
    """Reads a table into memory and checks it with every expectation that Great Expectations has."""

    def outcomes(self, file: Path, checks: Sequence[Check]) -> list[CheckOutcome]:
        """One outcome per check; one that crashed is ``broken``: it says nothing about the data.

        So is one that Great Expectations does not know, or not with these arguments.
        """
        faults = {check.id: fault for check in checks if (fault := _fault(check))}
        usable = [check for check in checks if check.id not in faults]
        table = pq.read_table(file, columns=_needed(usable))
        rows, exact = exact_frame(table), [with_whole_numbers(check, table.schema) for check in usable]
        results: dict[str, dict[str, Any]] = {}
        for as_judged, some in _grouped(exact):
            results |= self._results(as_judged(rows, {column for check in some for column in check.columns}), some)
        return [
            broken(check, table.num_rows, faults[check.id])
            if check.id in faults
            else _outcome(check, table.num_rows, results[check.id])
            for check in checks
        ]

    def _results(self, rows: pd.DataFrame, checks: Sequence[Check]) -> dict[str, dict[str, Any]]:
        """What Great Expectations says of each check."""
        batch = self._asset.get_batch(batch_parameters={"dataframe": rows})
        results = batch.validate(_suite(checks)).results
        return {result.expectation_config.id: result.to_json_dict() for result in results}

    @cached_property
    def _asset(self) -> Any:
        from great_expectations.data_context.types import base

        import great_expectations as gx

        config = base.DataContextConfig(
            store_backend_defaults=base.InMemoryStoreBackendDefaults(),
            progress_bars=base.ProgressBarsConfig(globally=False),
            analytics_enabled=False,
        )
        context = gx.get_context(mode="ephemeral", project_config=config)
        asset = context.data_sources.add_pandas("staged").add_dataframe_asset("table")
        return asset.add_batch_definition_whole_dataframe("whole")


def expectation_types() -> frozenset[str]:
    """The types of expectations that Great Expectations has."""
    import great_expectations.expectations.core  # noqa: F401 - importing it registers them

    from great_expectations.expectations import registry

    return frozenset(registry.list_registered_expectation_implementations())


def _needed(checks: Sequence[Check]) -> list[str] | None:
    """The columns that the checks look at; all of them (None) when one looks at the table, or has a condition."""
    columns = dict.fromkeys(column for check in checks for column in check.columns)
    wide = any(not check.columns or check.type == EXISTS or "row_condition" in check.kwargs for check in checks)
    return None if wide else list(columns)


def _grouped(checks: Sequence[Check]) -> list[tuple[AsJudged, list[Check]]]:
    """Checks that see integers with gaps in one form, and this form."""
    groups: dict[AsJudged, list[Check]] = {}
    for check in checks:
        form = _as_objects if "column_A" in check.kwargs else _as_numbers if {*TYPES} & {*check.kwargs} else _nullable
        groups.setdefault(form, []).append(check)
    return list(groups.items())


def _nullable(rows: pd.DataFrame, columns: set[str]) -> pd.DataFrame:
    return rows


def _as_objects(rows: pd.DataFrame, columns: set[str]) -> pd.DataFrame:
    """Whole numbers of Python, NaN where they lack: Great Expectations does not compare columns that have NA."""
    return rows.assign(**{n: v.astype(object).where(v.notna(), np.nan) for n, v in _with_gaps(rows, columns)})


def _as_numbers(rows: pd.DataFrame, columns: set[str]) -> pd.DataFrame:
    """Integers without gaps: Great Expectations names nullable types otherwise, and looks at the type only."""
    return rows.assign(**{n: v.fillna(0).astype(v.dtype.numpy_dtype) for n, v in _with_gaps(rows, columns)})


def _with_gaps(rows: pd.DataFrame, columns: set[str]) -> list[tuple[str, Any]]:
    return [(name, rows[name]) for name in rows if name in columns and isinstance(rows[name].array, INTEGERS)]


def _suite(checks: Sequence[Check]) -> "gx.ExpectationSuite":
    import great_expectations as gx

    return gx.ExpectationSuite(name="staged", expectations=[_written(check) for check in checks])


def _written(check: Check) -> dict[str, Any]:
    return {"id": check.id, "type": check.type, "kwargs": check.kwargs}


def _fault(check: Check) -> str | None:
    """Why Great Expectations cannot use the check; None when it can."""
    from great_expectations.compatibility import pydantic
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    if check.type not in expectation_types():
        return "Great Expectations has no expectation of this type"
    try:
        ExpectationConfiguration(**_written(check)).to_domain_obj()
    except pydantic.ValidationError as error:
        told = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        return f"its arguments are wrong: {'; '.join(dict.fromkeys(told))}"
    return None


def _outcome(check: Check, rows: int, told: dict[str, Any]) -> CheckOutcome:
    if crash := _crash(told.get("exception_info") or {}):
        return broken(check, rows, crash)
    result = told["result"]
    unexpected = int(result.get("unexpected_count") or 0)
    return judged(check, rows, unexpected, bool(told["success"]), result.get("observed_value"))


def _crash(info: dict[str, Any]) -> str | None:
    """The kind of exception; GX gives one record, or one per metric. Its message may hold values of rows."""
    records = [info] if "raised_exception" in info else list(info.values())
    traces = [str(r["exception_traceback"]) for r in records if r.get("raised_exception")]
    return traces[0].strip().splitlines()[-1].split(":")[0] if traces else None
