"""The average of the serving model and a candidate as a registered version of its own."""

from include.contracts.development import ModelRef
from include.development import judging
from include.development.refitting import Proved
from include.development.registration import as_made
from include.development.search.tuning import Tuning
from include.development.trainers.trained_model import TrainedModel
from include.families import serving
from include.ports.development import ExperimentTracker
from include.specification.usecase import UseCase

MEMBERS_TAG = "ensemble_of"


class Averaging(Tuning):
    """What stands in the model card in the place of a search."""

    def describe(self) -> str:
        return f"Average of the versions {self.parameters['members']} with equal weights: nothing was fitted for it."


def register(
    spec: UseCase,
    tracker: ExperimentTracker,
    champion: ModelRef,
    candidate: ModelRef,
    proof: Proved | None = None,
) -> ModelRef:
    """Average, judge, test, document and register; the same two give the same version.

    Its dataset is the candidate's: on that test set it was compared. ``proof`` is the average that was judged, when
    ``candidate`` is a refit. Raises TrainingError when it fails a behaviour test of the spec, the two cannot be
    averaged, or it answers otherwise than the proof.
    """
    from include.development.trainers.ensemble import average

    members = [TrainedModel.from_bytes(tracker.load(one)) for one in (champion, candidate)]
    versions = f"{champion.version}, {candidate.version}"
    made = Averaging(metric=spec.metrics.primary, parameters={"members": versions})
    content, tags = average(members).to_bytes(), {MEMBERS_TAG: versions}
    metrics, documents = judging.judge(spec, candidate.dataset, content, made, proof=proof)
    dataset = candidate.dataset
    model = tracker.log_training(
        spec.name, dataset, content, made.parameters, metrics, documents, tags=tags, fields=serving.fields(spec)
    )
    return as_made(model, dataset, content)


def members_of(spec: UseCase, tracker: ExperimentTracker, version: int) -> list[ModelRef]:
    """The versions that a version is the average of, those of its members included; [] for a trained model."""
    versions = tracker.tags(spec.name, version).get(MEMBERS_TAG, "")
    members = [tracker.model(spec.name, int(member)) for member in versions.split(",") if member.strip()]
    return [one for member in members for one in (member, *members_of(spec, tracker, member.version))]
