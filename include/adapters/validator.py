"""Expectations evaluated by Great Expectations' pandas engine (fulfils ports.CheckEngine).

They are read into an in-memory context: a file context would rewrite its project at every run.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from include.contracts.quality import Check, CheckOutcome
from include.errors import BrokenCheckError
from include.ports.outcomes import broken, judged

if TYPE_CHECKING:
    import great_expectations as gx


class ExpectationEngine:
    """Reads a table into memory and checks it with every expectation that Great Expectations has."""

    def outcomes(self, file: Path, checks: Sequence[Check]) -> list[CheckOutcome]:
        """One outcome per check; one that crashed is ``broken``: it says nothing about the data.

        Raises
        ------
        BrokenCheckError
            Great Expectations does not know an expectation, or not with these arguments.
        """
        rows = pd.read_parquet(file, columns=_needed(checks))
        batch = self._asset.get_batch(batch_parameters={"dataframe": rows})
        results = batch.validate(_suite(checks)).results
        by_id = {result.expectation_config.id: result.to_json_dict() for result in results}
        return [_outcome(check, len(rows), by_id[check.id]) for check in checks]

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
