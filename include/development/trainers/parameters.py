"""The tasks and parameters that a trainer accepts."""

from collections.abc import Mapping, Sequence

from include.development.trainers.protocol import Matrix, Parameters, Problem, Trainer
from include.errors import TrainingError
from include.specification.task import TASKS

Least = Mapping[str, float]
Allowed = Mapping[str, Sequence[str]]


def require_task(trainer: Trainer, problem: Problem, train: Matrix) -> None:
    """Raises TrainingError when ``trainer`` has no such task, or there is nothing to learn from."""
    able = sorted(name for name, task in TASKS.items() if task.predicts in trainer.predicts)
    if problem.task not in able:
        raise TrainingError(f"trainer {trainer.name!r} cannot do {problem.task}; it does {', '.join(able)}")
    if len(train.X) == 0 or train.X.shape[1] != problem.width:
        raise TrainingError(
            f"{trainer.name}: {train.X.shape} is not rows of the {problem.width} columns of the problem"
        )
    if problem.facts.labelled and (train.y is None or len(train.y) != len(train.X)):
        raise TrainingError(f"{trainer.name}: {problem.task} needs one label for each of {len(train.X)} rows")


def checked(
    name: str, defaults: Parameters, given: Parameters, least: Least | None = None, allowed: Allowed | None = None
) -> dict[str, int | float | str]:
    """``defaults`` overlaid by ``given``; ``least`` are lower limits of numbers, ``allowed`` what a word may be.

    Raises TrainingError for an unknown parameter, or a value of the wrong type or beyond its limits.
    """
    if unknown := sorted(set(given) - set(defaults)):
        raise TrainingError(f"{name} has no parameters {unknown} here; allowed: {', '.join(defaults)}")
    known = {**defaults, **given}
    for parameter, default in defaults.items():
        _require_like(name, parameter, known[parameter], default)
    for parameter, limit in (least or {}).items():
        if not float(known[parameter]) >= limit:
            raise TrainingError(f"{name} parameter {parameter} = {known[parameter]} must be {limit:g} or more")
    for parameter, words in (allowed or {}).items():
        if known[parameter] not in words:
            raise TrainingError(
                f"{name} parameter {parameter} = {known[parameter]!r} must be one of {', '.join(words)}"
            )
    return known


def _require_like(name: str, parameter: str, value: int | float | str, default: int | float | str) -> None:
    whole = not isinstance(default, int) or isinstance(value, str) or float(value).is_integer()
    if isinstance(value, str) != isinstance(default, str) or not whole:
        raise TrainingError(f"{name} parameter {parameter} = {value!r} must be like {default!r}")
