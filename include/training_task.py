"""One training from a dataset to a registered model: the same code in an Airflow worker and in a container.

``python -m include.training_task train '<DatasetRef as JSON>' [--trials N] [--parameters '<JSON>'] [--run KEY]``
prints the ModelRef as JSON on the last line of its output.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from include.contracts import DatasetRef, ModelRef
from include.errors import MoebiusError
from include.settings import ROOT, Settings, default_environment, load_settings
from include.usecase import UseCase, load_usecase

# Threads that spin while they wait make a fit on busy cores several times slower; read when xgboost is loaded.
FIT_ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE"}
LIBRARIES = ("numpy", "pandas", "xgboost")


def train(
    dataset: Mapping[str, Any], trials: int | None = None, parameters: Mapping[str, Any] | None = None, run: str = ""
) -> ModelRef:
    """Train on a built dataset and register the model, once: the same arguments and code find it registered.

    Parameters
    ----------
    dataset
        a DatasetRef as JSON; its files are below the state root.
    trials, parameters
        as ``include.development.training.train`` takes them.
    run
        a further key; give another one to train again with equal arguments.

    Raises
    ------
    DataError, TrainingError, ServiceError
        see ``include.development.training`` and ``include.adapters.experiment_tracker``.
    """
    default_environment(FIT_ENVIRONMENT)
    from include.adapters.experiment_tracker import MlflowTracker
    from include.development import training
    from include.development.trainers.protocol import Run

    settings, reference = load_settings(), DatasetRef.model_validate(dataset)
    spec = load_usecase(reference.usecase)
    tracker = MlflowTracker(settings)
    key = training_key(spec, reference, trials, parameters or {}, run)
    if known := tracker.find(spec.name, key):
        return known
    result = training.train(spec, reference, parameters or {}, Run(settings.train_threads), trials)
    return tracker.log_training(
        spec.name,
        reference,
        result.model,
        result.parameters,
        result.metrics,
        result.documents,
        key=key,
        revision=_revision(settings),
    )


def training_key(
    spec: UseCase, dataset: DatasetRef, trials: int | None, parameters: Mapping[str, Any], run: str = ""
) -> str:
    """SHA-256 of everything that the model depends on, and of ``run``."""
    facts = [dataset.name, trials, dict(parameters), run, _code(spec), [version(name) for name in LIBRARIES]]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _code(spec: UseCase) -> str:
    """SHA-256 of the sources that decide what the model is."""
    include = Path(__file__).resolve().parent
    files = [*(include / "development").rglob("*.py"), include / "evaluation" / "metrics.py"]
    files += [p for p in spec.directory.iterdir() if p.suffix in (".py", ".yaml")]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(str(path.relative_to(include)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _revision(settings: Settings) -> str:
    if settings.revision:
        return settings.revision
    asked = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40"],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or "unknown"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m include.training_task", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("train", help="train on a dataset and register the model")
    command.add_argument("dataset", type=json.loads, help="a DatasetRef as JSON")
    command.add_argument("--trials", type=int, help="parameter sets to try (default: what the spec says)")
    command.add_argument("--parameters", type=json.loads, default={}, help="overlay of the trainer's parameters, JSON")
    command.add_argument("--run", default="", help="another key trains again with equal arguments")
    given = parser.parse_args(arguments)
    try:
        model = train(given.dataset, given.trials, given.parameters, given.run)
    except MoebiusError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(model.json_dict()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
