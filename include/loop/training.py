"""From published periods to a registered candidate."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from include.contracts.development import DatasetRef, ModelRef, Remaining, TrainingRequest, TrialRecord
from include.contracts.period import Period, counted, periods_text
from include.development.cost import MEGABYTE, Meter, figures, total
from include.development.datasets import building, fresh_rows
from include.development.environment import FIT_ENVIRONMENT, LOCK, environment
from include.development.order import Fit, Order, Workspace
from include.development.registration import as_made
from include.development.training_key import search_key, training_key
from include.errors import DataError, NotFoundError, TrainingError
from include.governance import approval
from include.loop import recalibration
from include.process_environment import default_environment
from include.services.composition import Services
from include.services.old_test_sets import frozen_test_sets, newest_known
from include.specification.usecase import UseCase

if TYPE_CHECKING:
    from include.development.refitting import Proved

LOG_EVERY = 5.0  # seconds: a trial may take less time than telling of it


def dataset_for(
    spec: UseCase,
    services: Services,
    train_from: Period | None = None,
    train_to: Period | None = None,
    test_from: Period | None = None,
    test_to: Period | None = None,
) -> DatasetRef:
    """Build the dataset of a window; what is not named is everything published, and what ``split.test`` says tests.

    The test set ends with the newest period most of whose labels are due.

    Raises DataError when fewer than two periods are published, or the parts cannot be used; see ``datasets.build``.
    """
    published = services.records.published(spec)
    if len(published) < 2:
        raise DataError(
            f"{spec.name} has the published {spec.calendar.every}s {periods_text(published)}; by split.test and "
            f"split.validation a first training needs {counted(spec.fewest_to_train)} or more: run the data pipeline "
            "for them"
        )
    tested_to = test_to or newest_known(spec, published, datetime.now(UTC))
    first = test_from or (spec.periods_to_test(tested_to)[0] if spec.split.by == "time" else tested_to)
    return building.build(
        spec,
        train_from=train_from,
        train_to=train_to,
        test_from=test_from,
        test_to=tested_to,
        excluded=frozen_test_sets(spec, services, first),
        lake=services.adapters.lake,
        feature_store=services.adapters.feature_store,
        snapshots=services.records.snapshot_refs(spec),
        directory=services.places.datasets(spec),
    )


def order(spec: UseCase, services: Services, request: TrainingRequest, people: Sequence[str] = ()) -> str:
    """Build the dataset and write down what is to be trained; the key under which it lies.

    Raises ApprovalError when it is not known who of the ``people`` started it, DataError when a plan's training would
    see no new rows.
    """
    approval.require_named(people, "training")
    if request.recalibrate:
        return place(spec, services, recalibration.order(spec, services, request))
    tuning, serving = spec.trainer.tuning, services.serving.champion_model(spec)
    # a refit has learned from the old test set: what starts from it would be judged on what it knows
    proof = services.approvals.proof(spec, serving) if serving else None
    from_champion = (request.start_from or spec.trainer.start_from) == "champion"
    asked = Order(
        dataset=dataset_for(spec, services, request.train_from, request.train_to, request.test_from, request.test_to),
        trials=tuning.trials if request.trials is None else request.trials,
        minutes=request.minutes or tuning.minutes,
        sampler=request.sampler or tuning.sampler,
        start=proof if from_champion else None,
    )
    _print_guard(spec, asked.dataset)
    if request.plan and serving:
        new = fresh_rows.require(spec, asked.dataset, services.approvals.fitted(spec, serving).dataset)
        print(f"{spec.name}: {new} rows to learn from are new to the model that serves", flush=True)
    return place(spec, services, asked)


def _print_guard(spec: UseCase, dataset: DatasetRef) -> None:
    guard = dataset.facts.guard
    for word, periods in (("leaves out", guard.left_out), ("would leave out", guard.accepted)):
        for period, said in periods.items():
            print(f"{spec.name}: the input guard {word} {period}: {'; '.join(said)}", flush=True)


def place(spec: UseCase, services: Services, asked: Order) -> str:
    """Write an order down where every worker and a container find it; its key."""
    key = training_key(spec, asked)
    asked = asked.model_copy(update={"search": search_key(spec, asked) if asked.trials else ""})
    start = services.adapters.tracker.load(asked.start) if asked.start else None
    workspace = _workspace(spec, services, key)
    with workspace.alone():
        workspace.write_order(asked, start)
    if asked.trials:
        _log_search(spec, services, asked)
    return key


def remaining(spec: UseCase, services: Services, key: str) -> Remaining:
    """What an order needs next; a model that is registered already is only looked up again."""
    if _recorded(spec, services, key):
        return "registration"
    return "search" if _workspace(spec, services, key).order().trials else "fit"


def search(spec: UseCase, services: Services, key: str) -> None:
    """One worker of the search; what it tried is in the experiment tracker some seconds later."""
    default_environment(FIT_ENVIRONMENT)
    from include.development import training

    place = _workspace(spec, services, key)
    try:
        asked = place.order()
    except NotFoundError:
        if _recorded(spec, services, key):
            return  # another run of the same training registered its model meanwhile
        raise
    waiting: list[TrialRecord] = []
    tell = _teller(partial(_log_search, spec, services, asked), waiting)
    training.search(spec, place, services.settings.train_threads, tell)
    if waiting:
        _log_search(spec, services, asked, waiting)


def fit(spec: UseCase, services: Services, key: str) -> Fit:
    """Do what was ordered under ``key`` in this process; errors as ``development.training.train`` says."""
    default_environment(FIT_ENVIRONMENT)
    from include.development import training

    settings, place = services.settings, _workspace(spec, services, key)
    try:
        return training.train(spec, place, settings.train_threads, environment(settings.revision))
    except NotFoundError:
        if model := _recorded(spec, services, key):  # by another run of the same training, meanwhile
            return Fit.model_validate_json(services.adapters.tracker.document(model, "fit.json"))
        raise


def _teller(log: Callable[[list[TrialRecord]], Any], waiting: list[TrialRecord]) -> Callable[[TrialRecord], None]:
    last = time.monotonic()

    def tell(trial: TrialRecord) -> None:
        nonlocal last
        waiting.append(trial)
        if time.monotonic() - last > LOG_EVERY:
            log(waiting)
            waiting.clear()
            last = time.monotonic()

    return tell


def register(
    spec: UseCase, services: Services, key: str, *, by: str = "", people: Sequence[str] = (), run: str = ""
) -> ModelRef:
    """Judge, document and register what was fitted under ``key``; the same key gives one version, also at once.

    The signed record keeps what was registered and which ``people`` started the training.

    Raises
    ------
    NotFoundError
        nothing was fitted under ``key``.
    TrainingError
        the model says nothing, fails a behaviour test, or MLflow has another model under this key.
    """
    workspace = _workspace(spec, services, key)
    with workspace.alone():
        model = _recorded(spec, services, key)
        if model is None:
            model = _registered(spec, services, key, workspace)
            asked = workspace.order()
            services.approvals.register(
                spec, model, key=key, proof=asked.refit_of, recalibrated=asked.base, by=by, people=[*people], run=run
            )
        workspace.delete()
    return model


def _recorded(spec: UseCase, services: Services, key: str) -> ModelRef | None:
    """The model that the record has under the key, unless its version is gone from MLflow."""
    model = services.approvals.trained_under(spec, key)
    there = services.adapters.tracker.find(spec.name, key) if model else None
    return model if model and there and there.version == model.version else None


def _registered(spec: UseCase, services: Services, key: str, workspace: Workspace) -> ModelRef:
    from include.development import judging, training
    from include.families import serving

    asked, (content, fit), meter = workspace.order(), workspace.fit(), Meter()
    if spec.refits and fit.length is None and not asked.recalibrates:
        raise TrainingError(
            f"{spec.name}: not registered, because models of trainer {spec.trainer.name!r} have no method length(), "
            "so nobody knows with which parameters a refit takes as many steps: add it to model.py "
            "(docs/reference/trainers.md), or set training.refit: never"
        )
    with meter.stage("documentation"):
        made, proof = _made(asked, fit, content), _proof(spec, services, asked)
        metrics, documents = judging.judge(spec, asked.dataset, content, fit.tuning, made, proof)
    cost = {**fit.cost, **meter.stages}
    trials = training.study_of(spec, workspace, asked).records() if asked.trials else []
    if trials:
        _log_search(spec, services, asked, trials)
    facts: dict[str, str | bytes] = {
        "order.json": asked.model_dump_json(indent=1),
        "fit.json": fit.model_copy(update={"cost": cost}).model_dump_json(indent=1),
        "trials.json": json.dumps([trial.json_dict() for trial in trials], indent=1),
        "constraints.txt": LOCK.read_bytes(),
    }
    model = services.adapters.tracker.log_training(
        spec.name,
        asked.dataset,
        content,
        _parameters(spec, asked, fit),
        {**metrics, **figures(cost)},
        {**documents, **facts},
        key=key,
        revision=fit.environment["revision"],
        curve=_curve(asked, fit),
        tags=_tags(spec, asked, fit),
        fields=serving.fields(spec),
    )
    return as_made(model, asked.dataset, content)


def _curve(asked: Order, fit: Fit) -> list[dict[str, float]]:
    """The steps of the fit; a refit has learned from the rows that validated its proof."""
    if asked.refit_of is None:
        return fit.curve
    return [
        {f"in_sample_{name}" if name.startswith("validation") else name: value for name, value in step.items()}
        for step in fit.curve
    ]


def _proof(spec: UseCase, services: Services, asked: Order) -> "Proved | None":
    """What was judged, when the order is to refit it; its hash is that of the order."""
    from include.development import refitting

    if asked.refit_of is None:
        return None
    model = services.approvals.model(spec, asked.refit_of.version)
    return refitting.proved(services.adapters.tracker, model.model_copy(update=asked.refit_of.json_dict()))


def _made(asked: Order, fit: Fit, content: bytes) -> dict[str, Any]:
    """What the model card says of the making."""
    spent = total(fit.cost)
    cost = {"cpu_seconds": spent.cpu_seconds, "seconds": spent.seconds, "model_bytes": len(content)}
    return {
        "cost": {**cost, "peak_memory_bytes": spent.peak_mb * MEGABYTE},
        "revision": fit.environment["revision"],
        "curve": fit.curve,
        "recalibrated": asked.base,
    }


def _parameters(spec: UseCase, asked: Order, fit: Fit) -> dict[str, Any]:
    """The trainer's parameters, and what else decides the model."""
    split = {f"split.{name}": value for name, value in spec.split.model_dump().items() if value is not None}
    start = f"{spec.name}/{asked.start.version}" if asked.start else "scratch"
    about = {"threads": fit.threads, "start_from": start, "imbalance": spec.trainer.imbalance}
    about |= {"refit_of": f"{spec.name}/{asked.refit_of.version}"} if asked.refit_of else {}
    about |= {"recalibrated_from": f"{spec.name}/{asked.base.version}"} if asked.base else {}
    return {**fit.parameters, **about, **split}


def _tags(spec: UseCase, asked: Order, fit: Fit) -> dict[str, str]:
    tested = asked.dataset.test.periods
    about: dict[str, str] = {"trainer": spec.trainer.name, "task": spec.task}
    about |= {"test_from": tested[0], "test_to": tested[-1]}
    if asked.refit_of:
        about |= {"refit_of": str(asked.refit_of.version), "refit_of_hash": asked.refit_of.artifact_hash}
    if asked.base:
        about |= {"recalibrated_from": str(asked.base.version), "recalibrated_from_hash": asked.base.artifact_hash}
    if asked.trials:
        about |= {"search": asked.search, "search_paid": str(fit.tuning.paid).lower()}
    return {**about, "lock": fit.environment["lock"], "python": fit.environment["python"]}


def _log_search(spec: UseCase, services: Services, asked: Order, trials: Sequence[TrialRecord] = ()) -> None:
    about = {"dataset": asked.dataset.name, "sampler": asked.sampler, "trainer": spec.trainer.name}
    about |= {"metric": spec.metrics.primary, "trials": str(asked.trials)}
    services.adapters.tracker.log_search(spec.name, asked.search, about, trials)


def _workspace(spec: UseCase, services: Services, key: str) -> Workspace:
    return Workspace(services.settings.training / spec.name / key, services.adapters.locks)
