"""The order of a refit, and how far its answers are from those of its proof, the model that was judged."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.contracts.development import DatasetRef, ModelRef, Proof
from include.development.order import Fit, Order
from include.development.trainers.registry import trainer
from include.development.trainers.trained_model import TrainedModel
from include.errors import NotFoundError, TrainingError
from include.families.registry import family
from include.ports.development import ExperimentTracker
from include.specification.usecase import UseCase

UNITS = {
    "class": "as a probability",
    "value": "standard deviations of the label",
    "cluster": "of the rows in another cluster",
}
NO_LENGTH = "was fitted before the number of its rounds or epochs was recorded"


@dataclass(frozen=True)
class Proved:
    """The model that was judged, of which another one is the refit: as registered, and itself."""

    ref: ModelRef
    model: TrainedModel


def proved(tracker: ExperimentTracker, model: ModelRef) -> Proved:
    """The judged model, its file checked against the hash that was registered."""
    return Proved(model, TrainedModel.from_bytes(tracker.load(model)))


def record(tracker: ExperimentTracker, model: ModelRef) -> tuple[Order, Fit]:
    """What a version was ordered as and what its fit left; raises NotFoundError of an average or an older version."""
    try:
        order, fit = (tracker.document(model, name) for name in ("order.json", "fit.json"))
    except NotFoundError as error:
        raise NotFoundError(
            f"{model.usecase}/{model.version} has no record of its order and fit: it is an average, or older than "
            f"they are; of an average each version has its own ({error})"
        ) from error
    return Order.model_validate_json(order), Fit.model_validate_json(fit)


def order(spec: UseCase, proved: Proved, ordered: Order, fit: Fit, dataset: DatasetRef) -> Order:
    """The same training on ``dataset``, without a search, as long as the proof's fit was, and calibrated as
    the proof is.

    Clusters start at the proof's, so that their numbers mean the same. Raises TrainingError when the length is not
    known, or the spec names another trainer or other features by now.
    """
    proof = proved.ref
    _require_same_recipe(spec, proved)
    if fit.length is None:
        raise TrainingError(
            f"{spec.name}: version {proof.version} cannot be fitted again with the newest rows: it {NO_LENGTH}; "
            "train and judge a new candidate, or set training.refit: never"
        )
    return Order(
        dataset=dataset,
        parameters={**fit.parameters, **fit.length},
        start=ordered.start if family(spec).facts.labelled else proof,
        refit_of=Proof(version=proof.version, artifact_hash=proof.artifact_hash),
        calibrator=proved.model.calibrator,
        run=ordered.run,
    )


def _require_same_recipe(spec: UseCase, proved: Proved) -> None:
    was = (proved.model.trainer, [entry["name"] for entry in proved.model.encoder.features])
    now = (trainer(spec.trainer.name, spec.name).name, spec.feature_names)
    if was != now:
        raise TrainingError(
            f"{spec.name}: version {proved.ref.version} was judged as {was[0]} on {len(was[1])} features, and the spec "
            f"now says {now[0]} on {len(now[1])}: a refit would be another model; train and judge a new candidate"
        )


def agreement(spec: UseCase, proved: Proved, refit: TrainedModel, rows: pd.DataFrame) -> float:
    """Mean difference between the answers of proof and refit to ``rows``, the newest ones (``UNITS`` says in what).

    Raises TrainingError when it is more than ``training.agreement``.
    """
    difference = float(_apart(proved.model, proved.model.predict(rows), refit.predict(rows)).mean())
    if not difference <= spec.training.agreement:
        unit = UNITS[refit.problem.facts.predicts]
        raise TrainingError(
            f"{spec.name}: the refit of version {proved.ref.version} is not registered, and the champion stays: on the "
            f"{len(rows)} newest rows its answers differ from those of the judged model by {difference:.3g} ({unit}) "
            f"on average, {spec.training.agreement:g} is allowed (training.agreement). Look for a fault in the newest "
            "periods; if the data are right, judge a new candidate on later rows"
        )
    return difference


def _apart(proof: TrainedModel, judged: np.ndarray, refit: np.ndarray) -> np.ndarray:
    """(rows,) the total variation of probabilities, standard deviations of numbers, 0 or 1 of clusters."""
    facts = proof.problem.facts
    if facts.predicts == "cluster":
        return judged.argmax(axis=1) != refit.argmax(axis=1)
    apart = np.abs(judged - refit)
    if facts.predicts == "value":
        return apart / proof.spread
    return apart.sum(axis=1) / 2 if facts.table else apart
