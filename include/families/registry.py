"""Finds the family of a use case: the module of ``include/families`` that has the name of its task."""

from importlib import import_module

from include.errors import SpecError
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
