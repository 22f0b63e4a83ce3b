"""Quality checks by Great Expectations, pandas engine (fulfils ports.Validator).

Suites are the JSON files ``great_expectations/expectations/<usecase>_<gate>_<table>.json``. They are
read into an in-memory context: a file context would rewrite its project at every run.
"""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from include.contracts import ExpectationFailure, GateResult
from include.errors import BrokenCheckError, NotFoundError
from include.settings import ROOT

if TYPE_CHECKING:
    import great_expectations as gx

PROJECT = ROOT / "great_expectations"
EXAMPLES = 5


class ExpectationValidator:
    """Runs the suites of one gate, all tables of a period."""

    def __init__(self, project: Path = PROJECT) -> None:
        self._suites = project / "expectations"

    def validate(
        self, usecase: str, gate: str, period: str, tables: Mapping[str, pd.DataFrame], parameters: Mapping[str, Any]
    ) -> GateResult:
        """Check every table against its suite; ``critical`` expectations block, others warn.

        An expectation that crashed is a failure with ``broken=True``: it says nothing about the data.

        Raises
        ------
        NotFoundError
            a table has no suite.
        BrokenCheckError
            a suite cannot be read, or uses a parameter that was not given.
        """
        evaluated, failures = 0, []
        for table, rows in tables.items():
            outcomes = self._outcomes(f"{usecase}_{gate}_{table}", rows, parameters)
            evaluated += len(outcomes)
            failures += [_failure(table, len(rows), o) for o in outcomes if not o["success"]]
        return GateResult.model_validate(
            {
                "usecase": usecase,
                "gate": gate,
                "period": period,
                "evaluated": evaluated,
                "rows": {table: len(rows) for table, rows in tables.items()},
                "failures": failures,
            }
        )

    def _outcomes(self, suite: str, rows: pd.DataFrame, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        definition = self._definition(suite)
        if missing := _parameters(definition) - set(parameters):
            raise BrokenCheckError(f"suite {suite} needs the parameters {sorted(missing)}; given: {sorted(parameters)}")
        batch = self._asset.get_batch(batch_parameters={"dataframe": rows})
        result = batch.validate(self._suite(definition), expectation_parameters=dict(parameters))
        return [one.to_json_dict() for one in result.results]

    def _definition(self, suite: str) -> dict[str, Any]:
        file = self._suites / f"{suite}.json"
        try:
            return json.loads(file.read_text())
        except FileNotFoundError as error:
            raise NotFoundError(f"no expectation suite {file}; every table that passes a gate needs one") from error
        except ValueError as error:
            raise BrokenCheckError(f"{file} is not JSON: {error}") from error

    def _suite(self, definition: dict[str, Any]) -> "gx.ExpectationSuite":
        import great_expectations as gx

        try:
            return gx.ExpectationSuite(**definition)
        except Exception as error:  # GX raises whatever an expectation's own model raises
            raise BrokenCheckError(f"suite {definition.get('name')} cannot be used: {error}") from error

    @cached_property
    def _asset(self) -> Any:
        from great_expectations.data_context.types.base import (
            DataContextConfig,
            InMemoryStoreBackendDefaults,
            ProgressBarsConfig,
        )

        import great_expectations as gx

        config = DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(),
            progress_bars=ProgressBarsConfig(globally=False),
            analytics_enabled=False,
        )
        context = gx.get_context(mode="ephemeral", project_config=config)
        asset = context.data_sources.add_pandas("staged").add_dataframe_asset("table")
        return asset.add_batch_definition_whole_dataframe("whole")


def _parameters(node: Any) -> set[str]:
    """Names of the ``$PARAMETER`` placeholders in a suite."""
    if isinstance(node, dict):
        own = {node["$PARAMETER"]} if "$PARAMETER" in node else set()
        return own.union(*(_parameters(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*map(_parameters, node))
    return set()


def _failure(table: str, rows: int, outcome: dict[str, Any]) -> ExpectationFailure:
    config = outcome["expectation_config"]
    crash = _crash(outcome.get("exception_info") or {})
    severity: Literal["block", "warn"] = "block" if config.get("severity", "critical") == "critical" else "warn"
    return ExpectationFailure(
        table=table,
        expectation=config["type"],
        column=_column(config["kwargs"]),
        severity=severity,
        unexpected=_unexpected(outcome["result"]),
        rows=rows,
        detail=f"the check broke: {crash}" if crash else _detail(config, outcome["result"]),
        broken=crash is not None,
    )


def _column(kwargs: dict[str, Any]) -> str | None:
    if "column_list" in kwargs:
        return ", ".join(kwargs["column_list"])
    if "column_A" in kwargs:
        return f"{kwargs['column_A']}, {kwargs['column_B']}"
    return kwargs.get("column")


def _crash(info: dict[str, Any]) -> str | None:
    """The exception's message; GX gives one record, or one per metric."""
    records = [info] if "raised_exception" in info else list(info.values())
    messages = [r["exception_message"] for r in records if r.get("raised_exception")]
    return messages[0] if messages else None


def _unexpected(result: dict[str, Any]) -> int:
    return int(result.get("unexpected_count") or 0)


def _detail(config: dict[str, Any], result: dict[str, Any]) -> str:
    """What was expected, what was seen, and why it matters, in one line."""
    hidden = ("batch_id", "column", "column_list", "column_A", "column_B")
    expected = ", ".join(f"{key}={value}" for key, value in config["kwargs"].items() if key not in hidden)
    examples = result.get("partial_unexpected_list") or []
    seen = f"e.g. {examples[:EXAMPLES]}" if examples else f"observed {result.get('observed_value')}"
    return "; ".join(part for part in (expected, seen, config.get("notes") or "") if part)
