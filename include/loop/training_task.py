"""One fit, ordered as files below the state root: the same code in an Airflow worker and in a container.

``python -m include.loop.training_task <use case> <key>`` does what
``<home>/training/<use case>/<key>/order.json`` says
and leaves ``model.zip`` and ``fit.json`` beside it; it talks to no service.
"""

import argparse
import hashlib
import json
import platform
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.contracts.development import TrialRecord
from include.development.cost import Meter
from include.development.order import Fit, Order, Workspace
from include.errors import MoebiusError
from include.settings import ROOT, Settings, default_environment, load_settings
from include.specification.learning import Tuning as Policy
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase

if TYPE_CHECKING:
    from include.development.search.study import Study
    from include.development.search.tuning import Tuning
    from include.development.training import Parts

# Threads that spin while they wait make a fit on busy cores several times slower; read when xgboost is loaded.
FIT_ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE"}
LIBRARIES = ("numpy", "pandas", "xgboost", "torch", "scikit-learn", "optuna")
LOCK = ROOT / "constraints.txt"


def training_key(spec: UseCase, order: Order) -> str:
    """SHA-256 of everything that the model depends on, and of ``order.run``."""
    asked = order.model_dump(mode="json", exclude={"dataset", "start", "search"})
    return _digest([order.dataset.name, _start_hash(order), asked, _code(spec), _versions()])


def search_key(spec: UseCase, order: Order) -> str:
    """SHA-256 of what a trial depends on, not of the budget: a larger one goes on with the same study."""
    return _digest(
        [order.dataset.name, _start_hash(order), order.parameters, order.sampler, order.run, _code(spec), _versions()]
    )


def workspace(settings: Settings, usecase: str, key: str) -> Workspace:
    """Where the training ``key`` is done."""
    return Workspace(settings.training / usecase / key)


def fit(settings: Settings, spec: UseCase, key: str) -> Fit:
    """Search to the end of the budget, and fit; once: a repeated call finds the model, a killed one goes on.

    Raises
    ------
    NotFoundError
        nothing was ordered under ``key``, or a file of the dataset is gone.
    DataError, TrainingError
        see ``include.development.training``.
    """
    default_environment(FIT_ENVIRONMENT)
    from include.development import training
    from include.development.trainers.protocol import Run

    place, meter = workspace(settings, spec.name, key), Meter()
    if place.fitted():
        return place.fit()[1]
    order = place.order()
    with meter.stage("read"):
        start = training.start_of(spec, place.start())
        parts = training.read(spec, order.dataset, start, training.LEARNING)
    run = Run(settings.train_threads, place.checkpoint, start.fitted if start else None)
    with meter.stage("search"):
        tuning = _searched(settings, spec, order, parts, run)
    with meter.stage("fit"):
        model = training.fit(spec, order.dataset, parts, tuning.parameters, run)
    place.write_fit(
        content := model.to_bytes(),
        Fit(
            artifact_hash=hashlib.sha256(content).hexdigest(),
            parameters=tuning.parameters,
            threads=run.threads,
            tuning=tuning,
            curve=[dict(step) for step in model.fitted.curve],
            cost=meter.stages,
            environment=environment(settings),
        ),
    )
    return place.fit()[1]


def search(settings: Settings, spec: UseCase, key: str, told: Callable[[TrialRecord], None]) -> None:
    """One worker of the search of an order: trials of the shared study until its budget is used up."""
    default_environment(FIT_ENVIRONMENT)
    from include.development import training
    from include.development.trainers.protocol import Run

    place = workspace(settings, spec.name, key)
    order = place.order()
    start = training.start_of(spec, place.start())
    parts = training.read(spec, order.dataset, start, training.LEARNING)
    _work(settings, spec, order, parts, Run(settings.train_threads, None, start.fitted if start else None), told)


def study_of(settings: Settings, spec: UseCase, order: Order) -> "Study":
    """The study that the trials of an order are kept in."""
    from include.development.search.tuning import open_study
    from include.development.trainers.registry import trainer
    from include.development.training import parameters_of

    home = settings.training / spec.name / "studies" / order.search[:16]
    algorithm = trainer(spec.trainer.name, spec.name)
    return open_study(home, algorithm, policy(spec, order), parameters_of(spec, order.parameters), spec.metrics.primary)


def policy(spec: UseCase, order: Order) -> Policy:
    """How the order searches: the spec's way, with its budget."""
    said = {"trials": order.trials, "minutes": order.minutes, "sampler": order.sampler}
    return spec.trainer.tuning.model_copy(update=said)


def _work(
    settings: Settings, spec: UseCase, order: Order, parts: "Parts", run: Any, told: Callable[[TrialRecord], None]
) -> "Study":
    from include.development.search.tuning import work
    from include.development.trainers.registry import trainer

    study, algorithm = study_of(settings, spec, order), trainer(spec.trainer.name, spec.name)
    work(study, algorithm, parts, policy(spec, order), spec.metrics.primary, run, told)
    return study


def _searched(settings: Settings, spec: UseCase, order: Order, parts: "Parts", run: Any) -> "Tuning":
    from include.development.search.tuning import Tuning, outcome
    from include.development.training import parameters_of

    start = parameters_of(spec, order.parameters)
    if not order.trials:
        return Tuning(metric=spec.metrics.primary, parameters=start)
    study = _work(settings, spec, order, parts, run, lambda _: None)
    found = outcome(study, parts, policy(spec, order), spec.metrics.primary, start)
    study.tidy()
    return found


def environment(settings: Settings) -> dict[str, str]:
    """What the fit ran on: code revision, hash of the lock file, Python, machine, and the libraries that fit."""
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest() if LOCK.is_file() else "unknown"
    facts = {"revision": _revision(settings), "lock": lock, "python": platform.python_version()}
    return {**facts, "machine": platform.machine(), **dict(zip(LIBRARIES, _versions(), strict=True))}


def _start_hash(order: Order) -> str:
    return order.start.artifact_hash if order.start else ""


def _digest(facts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _versions() -> list[str]:
    return [_version(name) for name in LIBRARIES]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _code(spec: UseCase) -> str:
    """SHA-256 of the sources that decide what the model is."""
    include = Path(__file__).resolve().parents[1]
    files = [
        *(include / "development").rglob("*.py"),
        include / "evaluation" / "metrics.py",
        include / "contracts" / "encoding.py",
    ]
    files += [p for p in spec.directory.iterdir() if p.suffix in (".py", ".yaml")]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
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
    parser = argparse.ArgumentParser(prog="python -m include.loop.training_task", description=__doc__)
    parser.add_argument("usecase", help="name of the use case")
    parser.add_argument("key", help="the order: a directory below <home>/training/<use case>")
    given = parser.parse_args(arguments)
    try:
        done = fit(load_settings(), load_usecase(given.usecase), given.key)
    except MoebiusError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"key": given.key, "artifact_hash": done.artifact_hash}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
