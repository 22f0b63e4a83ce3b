"""The dataset of a refit: every labelled row of the window that a model was trained, validated and tested in."""

from collections.abc import Sequence
from pathlib import Path

from include.contracts.development import DatasetRef
from include.development.datasets.building import publish, shaped
from include.development.datasets.leakage import check_refit
from include.development.datasets.rebuild import parts_of, require_pinned, require_same
from include.errors import NotFoundError
from include.ports.features import FeatureStore
from include.ports.lake import Lake
from include.specification.usecase import UseCase

AS_PROVED = ("validation", "test")


def build_refit(
    spec: UseCase,
    proof: DatasetRef,
    *,
    lake: Lake,
    feature_store: FeatureStore,
    directory: Path,
    rewrites: Sequence[str] = (),
) -> DatasetRef:
    """Build the dataset as ``directory/<name>/``, from what ``proof``, the dataset of the judged model, pins.

    The same proof gives the same name and files. ``rewrites`` are the erasures and key rotations since the proof's
    dataset was built: ``proof`` pins the rewritten snapshots then, and its parts may come out with other content.

    Raises
    ------
    NotFoundError
        the proof does not say what it was read from, or a pinned version is gone.
    DataError
        too few rows, in all or of a class, or the code or the spec changed since the proof.
    LeakageError
        a feature from after its event, or one that tells the label by itself.
    """
    require_pinned(spec, proof)
    wanted = proof.model_copy(update={"refit_of": proof.name})
    try:
        parts, counts = parts_of(spec, wanted, lake, feature_store)
    except NotFoundError as error:
        raise NotFoundError(
            f"the rows that {proof.name} was proved with cannot be read again ({error}): train a new model on the "
            "periods as they are now"
        ) from error
    if not rewrites:
        require_same(proof, {name: shaped(spec, parts[name]) for name in AS_PROVED})
    facts = {
        "feature_service": proof.feature_service,
        "label": proof.label,
        "snapshots": proof.snapshots,
        "refit_of": proof.name,
    } | ({"class_names": proof.class_names} if proof.class_names else {})
    reads = {name: getattr(proof, name) for name in ("features_from", "frozen", "as_of", "given_labels")}
    checked = check_refit(spec, parts, counts).model_copy(update={"guard": proof.facts.guard})
    return publish(spec, parts, facts, {**reads, "facts": checked}, directory)
