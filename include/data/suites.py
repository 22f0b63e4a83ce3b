"""Expectation suites: the files ``<suites>/<usecase>_<gate>_<table>.json``, in Great Expectations' own format.

Beside what Great Expectations asks for, every expectation names its quality dimension in ``meta``; its severity
``critical`` blocks publication, ``warning`` and ``info`` warn. ``meta.periods`` lists the rhythms that it is about
(``["week", "month"]``); without it it is about all.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from include.contracts.quality import Check, suite_file
from include.data import expectation_form, suite_parameters
from include.errors import BrokenCheckError, NotFoundError

ROW_COUNT = "expect_table_row_count_to_be_between"


def checks(
    suites: Path, usecase: str, gate: str, table: str, parameters: Mapping[str, Any], sampled: bool = False
) -> list[Check]:
    """The expectations of one table at one gate, with their parameters.

    Those whose ``meta.periods`` does not name the rhythm (``every`` of the parameters) are left out. When the table is
    ``sampled``, fixed limits of its number of rows are left out too; those that follow earlier periods stay: they were
    sampled too.

    Raises NotFoundError when the table has no suite, BrokenCheckError when the suite cannot be read, an
    expectation has not the form of ``include.data.expectation_form``, or a parameter was not given.
    """
    file = suites / suite_file(usecase, gate, table)
    definition = _definition(file)
    if missing := _placeholders(definition) - set(parameters):
        raise BrokenCheckError(f"suite {file.stem} needs the parameters {sorted(missing)}; given: {sorted(parameters)}")
    expectations = definition["expectations"]
    kept = [one for one in expectations if _applies(one, parameters.get("every")) and not (sampled and _fixed(one))]
    return [_check(table, one, parameters) for one in kept]


def written(file: Path, table: str) -> list[Check]:
    """The expectations as they are written, with the placeholders of their parameters; errors as ``checks``."""
    definition = _definition(file)
    return [_check(table, one, None) for one in definition["expectations"]]


def _applies(one: dict[str, Any], every: str | None) -> bool:
    """Whether the expectation is about periods of this rhythm; None: of any."""
    rhythms = one["meta"].get("periods")
    return rhythms is None or every is None or every in rhythms


def _fixed(one: dict[str, Any]) -> bool:
    """Whether it limits the number of rows by figures that know nothing of earlier periods."""
    return one["type"] == ROW_COUNT and not any(name.endswith(suite_parameters.ROWS) for name in _placeholders(one))


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


def _check(table: str, one: dict[str, Any], parameters: Mapping[str, Any] | None) -> Check:
    """None: the parameters stay as they are written."""
    kwargs = {name: _filled(name, value, parameters) for name, value in one["kwargs"].items()}
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


def _filled(argument: str, value: Any, parameters: Mapping[str, Any] | None) -> Any:
    if parameters is None or not expectation_form.is_parameter(value):
        return value
    return suite_parameters.value(argument, value["$PARAMETER"], parameters)


def _placeholders(node: Any) -> set[str]:
    """What the ``$PARAMETER`` placeholders of a suite need."""
    if expectation_form.is_parameter(node):
        return {suite_parameters.needed(node["$PARAMETER"])}
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return set().union(*map(_placeholders, inner))
