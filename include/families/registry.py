"""Finds the family of a use case: the module of ``include/families`` that has the name of its task."""

from importlib import import_module

import pandas as pd

from include.contracts.tables import PERIOD
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


def event_codes(spec: UseCase, events: pd.DataFrame) -> pd.Series:
    """The codes of the labels of ``events`` of any number of periods, looked at together.

    Raises DataError as ``label_codes``, with the first period that has such a label.
    """
    label = str(spec.event.label)
    try:
        return family(spec).label_codes(spec, events[label])
    except (DataError, ValueError):
        for period, labels in events[label].groupby(events[PERIOD]):
            label_codes(spec, labels, f"events of {period}")
        raise
