"""Finds a trainer by the name that a use-case spec gives."""

from importlib import import_module

from include.development.trainers.label_units import ScaledTrainer
from include.development.trainers.protocol import Trainer
from include.errors import TrainingError
from include.specification import modules

TRAINERS = {
    "xgboost": "include.development.trainers.xgboost.XGBoostTrainer",
    "sklearn": "include.development.trainers.sklearn.SklearnTrainer",
    "torch_tabular": "include.development.trainers.torch_tabular.TorchTabularTrainer",
    "torch_image": "include.development.trainers.torch_image.TorchImageTrainer",
    "torch_sequence": "include.development.trainers.torch_sequence.TorchSequenceTrainer",
    "torch_text": "include.development.trainers.torch_text.TorchTextTrainer",
    "ensemble": "include.development.trainers.ensemble.EnsembleTrainer",
}
OWN = "own"


def trainer(name: str, usecase: str = "") -> Trainer:
    """The trainer ``name``, which learns labels that are numbers in standard deviations (see ``label_units``).

    ``own`` is ``TRAINER`` of the use case's ``model.py``. Raises SpecError without it.
    """
    if name == OWN:
        return ScaledTrainer(modules.function(usecase, "model", "TRAINER"))
    if name not in TRAINERS:
        raise TrainingError(f"no trainer {name!r}; there are: {', '.join([*sorted(TRAINERS), OWN])}")
    module, kind = TRAINERS[name].rsplit(".", 1)
    return ScaledTrainer(getattr(import_module(module), kind)())
