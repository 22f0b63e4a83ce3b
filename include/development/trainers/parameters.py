"""The tasks and parameters that a trainer accepts."""

from include.development.trainers.protocol import Matrix, Parameters, Problem, Trainer
from include.errors import TrainingError
from include.specification.task import TASKS
from include.specification.trainers import TrainerFacts, parameter_faults


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


def checked(name: str, facts: TrainerFacts, given: Parameters) -> dict[str, int | float | str]:
    """The trainer's defaults overlaid by ``given``.

    Raises TrainingError for an unknown parameter, or a value of the wrong type or beyond its limits.
    """
    if faults := [fault.text for fault in parameter_faults(name, facts, given)]:
        raise TrainingError("; ".join(faults))
    return {**facts.defaults, **given}
