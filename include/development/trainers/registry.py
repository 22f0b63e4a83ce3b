"""Finds a trainer by the name that a use-case spec gives."""

from collections.abc import Callable

from include.development.trainers.protocol import Trainer
from include.development.trainers.xgboost import XGBoostTrainer
from include.errors import TrainingError

TRAINERS: dict[str, Callable[[], Trainer]] = {"xgboost": XGBoostTrainer}


def trainer(name: str) -> Trainer:
    """The trainer ``name``; raises TrainingError when there is none."""
    if name not in TRAINERS:
        raise TrainingError(f"no trainer {name!r}; there are: {', '.join(sorted(TRAINERS))}")
    return TRAINERS[name]()
