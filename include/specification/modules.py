"""The Python modules of a use case: imported when a task needs them; what is wrong is said with file and line."""

import traceback
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from include.contracts.names import column_faults, table_faults
from include.errors import MoebiusError, SpecError
from include.specification.usecase import USECASES

TELLING = (SyntaxError, ImportError, NameError, AttributeError, TypeError)
"""Errors of a program, whose words are shown; the words of others may hold values."""


def function(usecase: str, module: str, name: str) -> Any:
    """The function, or the object, of that name in the module of the use case.

    Raises SpecError when the module cannot be imported or has no such name.
    """
    file, shown = USECASES / usecase / f"{module}.py", f"include/usecases/{usecase}/{module}.py"
    with importing(file, shown):
        imported = import_module(f"include.usecases.{usecase}.{module}")
    if not hasattr(imported, name):
        raise SpecError(f"{shown}:1: has no {name}, which {usecase} needs; see docs/guides/use_cases.md")
    return getattr(imported, name)


def tables(usecase: str, name: str, needed: Collection[str], *arguments: Any) -> dict[str, Any]:
    """What ``process`` or ``build`` of the use case's ``features.py`` returns: a table for each name that is needed.

    Raises SpecError when it is no mapping of names to tables, or lacks one.
    """
    returned = function(usecase, "features", name)(*arguments)
    shown = f"include/usecases/{usecase}/features.py:1: {name}"
    if not isinstance(returned, Mapping) or not all(isinstance(key, str) for key in returned):
        raise SpecError(f"{shown} returns a {type(returned).__name__}; it must return a dict of tables by name")
    if lacking := [table for table in needed if table not in returned]:
        raise SpecError(f"{shown} does not return the tables {lacking}; it returns {sorted(returned)}")
    if wrong := sorted(table for table, rows in returned.items() if not hasattr(rows, "schema")):
        raise SpecError(f"{shown} returns for {wrong} what is not a table")
    if faults := [*_name_faults(returned)]:
        raise SpecError(f"{shown} returns {'; '.join(faults)}; rename them there")
    return dict(returned)


def _name_faults(tables: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"the table {name!r}, which {why}" for name, why in table_faults(tables))
    for table, rows in tables.items():
        yield from (f"{table} with the column {name!r}, which {why}" for name, why in column_faults(rows.columns))


@contextmanager
def importing(file: Path, shown: str, failed: str = "cannot be imported") -> Iterator[None]:
    """Raises SpecError with ``shown``, the line and ``failed`` in place of whatever the code of ``file`` raises."""
    try:
        yield
    except MoebiusError:
        raise
    except (Exception, SystemExit) as error:
        words = str(error.msg if isinstance(error, SyntaxError) else error).strip().splitlines()
        reason = f": {words[0]}" if words and _telling(error) else ""
        raise SpecError(f"{shown}:{_line(error, file)}: {failed}: {type(error).__name__}{reason}") from error


def _telling(error: BaseException) -> bool:
    return isinstance(error, TELLING) or type(error).__module__.startswith("ibis.")


def _line(error: BaseException, file: Path) -> int:
    """The last line of the file that was executed, or the one that is no Python."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename) == file:
        return error.lineno or 1
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == file and f.lineno]
    return lines[-1] if lines else 1
