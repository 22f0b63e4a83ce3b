"""Expectations evaluated by Great Expectations' pandas engine (fulfils ports.CheckEngine).

They are read into an in-memory context: a file context would rewrite its project at every run.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from include.contracts.exact_frames import exact_frame
from include.contracts.quality import Check, CheckOutcome
from include.errors import BrokenCheckError
from include.ports.outcomes import broken, judged, with_whole_numbers

if TYPE_CHECKING:
    import great_expectations as gx


PAIR = "column_A"


class ExpectationEngine:
    """Reads a table into memory and checks it with every expectation that Great Expectations has."""

    def outcomes(self, file: Path, checks: Sequence[Check]) -> list[CheckOutcome]:
        """One outcome per check; one that crashed is ``broken``: it says nothing about the data.

        Raises
        ------
        BrokenCheckError
            Great Expectations does not know an expectation, or not with these arguments.
        """
        table = pq.read_table(file, columns=_needed(checks))
        rows, exact = exact_frame(table), [with_whole_numbers(check, table.schema) for check in checks]
        pairs = [check for check in exact if PAIR in check.kwargs]
        others = [check for check in exact if PAIR not in check.kwargs]
        results = self._results(rows, others) | self._results(_comparable(rows, pairs), pairs)
        return [_outcome(check, len(rows), results[check.id]) for check in checks]

    def _results(self, rows: pd.DataFrame, checks: Sequence[Check]) -> dict[str, dict[str, Any]]:
        """What Great Expectations says of each check."""
        if not checks:
            return {}
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
    """The columns that the checks look at; None (all of them) when one looks at the table."""
    columns = dict.fromkeys(column for check in checks for column in check.columns)
    return list(columns) if all(check.columns for check in checks) else None


def _comparable(rows: pd.DataFrame, pairs: Sequence[Check]) -> pd.DataFrame:
    """Nullable integers as whole numbers of Python, NaN where they lack: Great Expectations compares no NA."""
    named = {column for check in pairs for column in check.columns}
    nullable = [name for name in rows if name in named and pd.api.types.is_extension_array_dtype(rows[name].dtype)]
    return rows.assign(
        **{n: rows[n].astype(object).where(rows[n].notna(), np.nan) for n in nullable if _is_whole(rows[n])}
    )


def _is_whole(values: pd.Series) -> bool:
    return pd.api.types.is_integer_dtype(values.dtype)


def _suite(checks: Sequence[Check]) -> "gx.ExpectationSuite":
    import great_expectations as gx

    expectations = [{"id": c.id, "type": c.type, "kwargs": c.kwargs} for c in checks]
    try:
        return gx.ExpectationSuite(name=f"staged_{checks[0].table if checks else 'nothing'}", expectations=expectations)
    except Exception as error:  # GX raises whatever an expectation's own model raises
        raise BrokenCheckError(f"the suite of {checks[0].table} cannot be used: {error}") from error


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
