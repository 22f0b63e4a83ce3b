"""Finds the family of a use case: the module of ``include/families`` that has the name of its task."""

from importlib import import_module

import pandas as pd

from include.errors import DataError, SpecError
from include.families.protocol import Family
from include.specification.task import TASKS
from include.specification.usecase import UseCase


def family(spec: UseCase) -> Family:
    """The family of the use case's task."""
    return family_named(spec.task)


def family_named(task: str) -> Family:
    """The family of a task in ``TASKS``. Raises SpecError when there is no such task."""
    if task not in TASKS:
        raise SpecError(f"{task!r} is no task; the tasks are {', '.join(TASKS)}")
    return import_module(f"include.families.{task}").FAMILY


def label_codes(spec: UseCase, labels: pd.Series, where: str) -> pd.Series:
    """The codes of labels that stand in ``where``, a table and period.

    Raises DataError, which begins with that place, when a label is missing or none of the task.
    """
    try:
        return family(spec).label_codes(spec, labels)
    except (DataError, ValueError) as error:
        raise DataError(f"{where}: {error}") from error
