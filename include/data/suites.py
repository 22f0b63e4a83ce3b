"""Expectation suites: the files ``<suites>/<usecase>_<gate>_<table>.json``, in Great Expectations' own format.

Beside what Great Expectations asks for, every expectation names its quality dimension in ``meta``; its severity
``critical`` blocks publication, any other warns.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from include.contracts.quality import Check
from include.errors import BrokenCheckError, NotFoundError

DIMENSIONS = ("completeness", "consistency", "accuracy", "freshness", "volume", "schema")
ROW_COUNT = "expect_table_row_count_to_be_between"


def checks(
    suites: Path, usecase: str, gate: str, table: str, parameters: Mapping[str, Any], sampled: bool = False
) -> list[Check]:
    """The expectations of one table at one gate, with their parameters.

    When the table is ``sampled``, fixed limits of its number of rows are left out; those that follow the months
    before stay: they were sampled too.

    Raises NotFoundError when the table has no suite, BrokenCheckError when the suite cannot be read, names no known
    dimension, or uses a parameter that was not given.
    """
    file = suites / f"{usecase}_{gate}_{table}.json"
    definition = _definition(file)
    if missing := _placeholders(definition) - set(parameters):
        raise BrokenCheckError(f"suite {file.stem} needs the parameters {sorted(missing)}; given: {sorted(parameters)}")
    expectations = definition["expectations"]
    kept = [one for one in expectations if not (sampled and one["type"] == ROW_COUNT and not _placeholders(one))]
    return [_check(file, table, one, parameters) for one in kept]


def written(file: Path, table: str) -> list[Check]:
    """The expectations as they are written, with the placeholders of their parameters; errors as ``checks``."""
    definition = _definition(file)
    names = {name: {"$PARAMETER": name} for name in _placeholders(definition)}
    return [_check(file, table, one, names) for one in definition["expectations"]]


def _definition(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text())
    except FileNotFoundError as error:
        raise NotFoundError(f"no expectation suite {file}; every table that passes a gate needs one") from error
    except ValueError as error:
        raise BrokenCheckError(f"{file} is not JSON: {error}") from error


def _check(file: Path, table: str, one: dict[str, Any], parameters: Mapping[str, Any]) -> Check:
    dimension = (one.get("meta") or {}).get("dimension")
    if dimension not in DIMENSIONS:
        raise BrokenCheckError(
            f"{file}: {one['type']} {one['id']} has meta.dimension = {dimension!r}; allowed are {list(DIMENSIONS)}"
        )
    return Check(
        id=one["id"],
        type=one["type"],
        table=table,
        severity="block" if one.get("severity", "critical") == "critical" else "warn",
        dimension=dimension,
        kwargs={name: _filled(value, parameters) for name, value in one["kwargs"].items()},
        notes=one.get("notes") or "",
        treated=(one.get("meta") or {}).get("treated") is True,
    )


def _filled(value: Any, parameters: Mapping[str, Any]) -> Any:
    return parameters[value["$PARAMETER"]] if isinstance(value, dict) and "$PARAMETER" in value else value


def _placeholders(node: Any) -> set[str]:
    """Names of the ``$PARAMETER`` placeholders in a suite."""
    if isinstance(node, dict):
        own = {node["$PARAMETER"]} if "$PARAMETER" in node else set()
        return own.union(*map(_placeholders, node.values()))
    if isinstance(node, list):
        return set().union(*map(_placeholders, node))
    return set()
