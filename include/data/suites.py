"""Expectation suites: the files ``<suites>/<usecase>_<gate>_<table>.json``, in Great Expectations' own format.

Beside what Great Expectations asks for, every expectation names its quality dimension in ``meta``; its severity
``critical`` blocks publication, ``warning`` and ``info`` warn.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from include.contracts.quality import Check, suite_file
from include.data import expectation_form
from include.errors import BrokenCheckError, NotFoundError

ROW_COUNT = "expect_table_row_count_to_be_between"


def checks(
    suites: Path, usecase: str, gate: str, table: str, parameters: Mapping[str, Any], sampled: bool = False
) -> list[Check]:
    """The expectations of one table at one gate, with their parameters.

    When the table is ``sampled``, fixed limits of its number of rows are left out; those that follow the months
    before stay: they were sampled too.

    Raises NotFoundError when the table has no suite, BrokenCheckError when the suite cannot be read, an
    expectation has not the form of ``include.data.expectation_form``, or a parameter was not given.
    """
    file = suites / suite_file(usecase, gate, table)
    definition = _definition(file)
    if missing := _placeholders(definition) - set(parameters):
        raise BrokenCheckError(f"suite {file.stem} needs the parameters {sorted(missing)}; given: {sorted(parameters)}")
    expectations = definition["expectations"]
    kept = [one for one in expectations if not (sampled and one["type"] == ROW_COUNT and not _placeholders(one))]
    return [_check(table, one, parameters) for one in kept]


def written(file: Path, table: str) -> list[Check]:
    """The expectations as they are written, with the placeholders of their parameters; errors as ``checks``."""
    definition = _definition(file)
    names = {name: {"$PARAMETER": name} for name in _placeholders(definition)}
    return [_check(table, one, names) for one in definition["expectations"]]


def _definition(file: Path) -> dict[str, Any]:
    try:
        definition = json.loads(file.read_text(), object_pairs_hook=_named_once)
    except FileNotFoundError as error:
        raise NotFoundError(f"no expectation suite {file}; every table that passes a gate needs one") from error
    except (ValueError, RecursionError) as error:
        raise BrokenCheckError(f"{file} is not JSON: {error}") from error
    if not isinstance(definition, dict) or not isinstance(definition.get("expectations"), list):
        raise BrokenCheckError(f"{file} has no list of 'expectations'")
    if faults := list(expectation_form.faults(definition["expectations"])):
        raise BrokenCheckError("\n".join(f"{file}: {fault}" for fault in faults))
    return definition


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{twice} stand twice in one object, and nothing says which one counts")
    return dict(pairs)


def _check(table: str, one: dict[str, Any], parameters: Mapping[str, Any]) -> Check:
    kwargs = {name: _filled(value, parameters) for name, value in one["kwargs"].items()}
    meta = one["meta"]
    return Check(
        id=one["id"],
        type=one["type"],
        table=table,
        severity="block" if one.get("severity", "critical") == "critical" else "warn",
        dimension=meta["dimension"],
        kwargs={name: value for name, value in kwargs.items() if value is not None},  # null is not given
        notes=one.get("notes") or "",
        treated=meta.get("treated", False),
    )


def _filled(value: Any, parameters: Mapping[str, Any]) -> Any:
    return parameters[value["$PARAMETER"]] if expectation_form.is_parameter(value) else value


def _placeholders(node: Any) -> set[str]:
    """Names of the ``$PARAMETER`` placeholders in a suite."""
    if isinstance(node, dict):
        own = {node["$PARAMETER"]} if expectation_form.is_parameter(node) else set()
        return own.union(*map(_placeholders, node.values()))
    if isinstance(node, list):
        return set().union(*map(_placeholders, node))
    return set()
