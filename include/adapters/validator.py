"""Great Expectations: runs the suites of ``great_expectations/<usecase>.py`` on pandas batches."""

import importlib.util
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from include.contracts import ExpectationFailure, GateResult
from include.errors import NotFoundError
from include.settings import ROOT

SEVERITY: dict[str, Literal["block", "warn"]] = {"critical": "block", "warning": "warn", "info": "warn"}
TYPE_CHECK = "expect_column_values_to_be_in_type_list"


class ExpectationValidator:
    """Suites are Python under version control; a run never rewrites them."""

    def __init__(self, directory: Path = ROOT / "great_expectations") -> None:
        self.directory = directory

    @cached_property
    def _context(self) -> Any:
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        return context

    def validate(
        self,
        usecase: str,
        gate: Literal["raw", "features"],
        period: str,
        tables: Mapping[str, pd.DataFrame],
        parameters: Mapping[str, Any],
    ) -> GateResult:
        """Every expectation of the gate on its table; all failures are reported, not the first only.

        Raises
        ------
        NotFoundError
            the use case has no suites, or a suite names a table that is not there.
        """
        suites = self._suites(usecase)[gate]
        if missing := sorted(set(suites) - set(tables)):
            raise NotFoundError(f"{usecase}: the {gate} suites name tables {missing}; staged are {sorted(tables)}")
        failures: list[ExpectationFailure] = []
        for table, expectations in suites.items():
            failures += self._validate_table(f"{usecase}_{gate}_{table}", table, expectations, tables[table], parameters)
        return GateResult(
            usecase=usecase,
            gate=gate,
            period=period,
            evaluated=sum(map(len, suites.values())),
            rows={name: len(rows) for name, rows in tables.items()},
            failures=failures,
        )

    def _validate_table(
        self, name: str, table: str, expectations: list, rows: pd.DataFrame, parameters: Mapping[str, Any]
    ) -> list[ExpectationFailure]:
        from great_expectations import ExpectationSuite

        batch = self._context.data_sources.pandas_default.read_dataframe(rows)
        suite = ExpectationSuite(name=name, expectations=expectations)
        found = batch.validate(suite, expectation_parameters=dict(parameters))
        failures = [_failure(table, result, len(rows)) for result in found.results if not result.success]
        mistyped = {f.column for f in failures if f.expectation == TYPE_CHECK and not f.broken}
        return [f for f in failures if not (f.broken and f.column in mistyped)]

    def _suites(self, usecase: str) -> dict[str, dict[str, list]]:
        path = self.directory / f"{usecase}.py"
        spec = importlib.util.spec_from_file_location(f"expectations_{usecase}", path)
        if spec is None or spec.loader is None or not path.is_file():
            raise NotFoundError(f"no expectation suites for {usecase!r}: write {path}")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.SUITES


def _failure(table: str, result: Any, rows: int) -> ExpectationFailure:
    """One failed expectation; a crashed one also says ``success=False`` and is told apart."""
    config, crash = result.expectation_config, _crash(result.exception_info)
    column = config.kwargs.get("column") or ",".join(config.kwargs.get("column_list", [])) or None
    limits = {k: v for k, v in config.kwargs.items() if k not in ("column", "column_list", "batch_id")}
    seen = result.result.get("observed_value", result.result.get("partial_unexpected_list", [])[:3])
    return ExpectationFailure(
        table=table,
        expectation=config.type,
        column=column,
        severity=SEVERITY[str(getattr(config.severity, "value", config.severity))],
        unexpected=int(result.result.get("unexpected_count") or (0 if crash else rows)),
        rows=rows,
        detail=crash or f"expected {limits}, found e.g. {seen}",
        broken=crash is not None,
    )


def _crash(info: dict) -> str | None:
    """The message of an expectation that raised; Great Expectations nests it by metric."""
    for one in (info, *[value for value in info.values() if isinstance(value, dict)]):
        if one.get("raised_exception"):
            return str(one.get("exception_message"))
    return None
