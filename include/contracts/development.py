"""Datasets, trials and registered model versions."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, ValidationError

from include.contracts.guard import Guarded
from include.contracts.period import Period
from include.contracts.record import Moment, Record
from include.contracts.tables import SnapshotRef
from include.errors import TrainingError

Remaining = Literal["search", "fit", "registration"]
"""What a training that was ordered needs next."""

FieldType = Literal["double", "float", "long", "string", "floats"]


class ModelFields(Record):
    """What a model takes and what it answers: name → type; ``floats`` are one number for each class or cluster."""

    inputs: dict[str, FieldType]
    outputs: dict[str, FieldType]


class PartRef(Record):
    """One part of a dataset: a Parquet file of encoded rows and the hash of its event ids and content."""

    path: str
    rows: int
    content_hash: str
    periods: list[Period]


class FrozenRef(Record):
    """The test set of an earlier dataset that was kept out: its content hash and what its events were read from."""

    dataset: str
    content_hash: str
    snapshots: list[SnapshotRef]
    as_of: Moment | None = None
    given_labels: int | None = None


class DatasetFacts(Record):
    """What was counted when a dataset was built.

    ``left_out``: rows ``unlabelled`` or ``immature`` (label not known at ``as_of``); ``given``: labels that people
    gave; ``classes``: rows by part and class code; ``repeated``: rows of validation and test whose features and label
    the training part has too; ``guard``: what the input guard said of its periods.
    """

    left_out: dict[str, int] = {}
    given: int = 0
    classes: dict[str, dict[str, int]] = {}
    repeated: dict[str, int] = {}
    guard: Guarded = Guarded()


class DatasetRef(Record):
    """Training data as built: train / validation / test parts and what they came from.

    Every part holds the event id, event time, all feature columns of the spec in raw form
    (categories as text), the entity keys, slice columns and the label. ``snapshots`` are those of its
    window (period to name); ``features_from`` are all that a feature could come from, ``frozen`` the test
    sets that were kept out, ``as_of`` the moment up to which labels were known, ``given_labels`` the
    version of the table of labels that people gave: from these the dataset can be built again, bit for bit.
    ``class_names`` are what the codes 0, 1 … of the label mean, where classes have names.

    ``refit_of`` is the name of the proof's dataset: of such a dataset every labelled row of the window trains, also
    those of its validation and test part and of its ``frozen`` test sets, and the parts are those of the proof.
    ``validates_from``: every row from this period on that does not test validates, as a recalibration needs it; None:
    what ``split.validation`` says.
    """

    usecase: str
    name: str
    path: str
    feature_service: str
    label: str
    class_names: list[str] = []
    train: PartRef
    validation: PartRef
    test: PartRef
    excluded_hashes: list[str] = []
    snapshots: dict[Period, str]
    features_from: list[SnapshotRef] = []
    frozen: list[FrozenRef] = []
    as_of: Moment | None = None
    given_labels: int | None = None
    facts: DatasetFacts = DatasetFacts()
    refit_of: str = ""
    validates_from: Period | None = None
    rewrites: list[str] = []
    """Erasures and key rotations since it was built; a model trained before them had other rows."""

    @property
    def reads(self) -> list[SnapshotRef]:
        """Every snapshot that building it needs."""
        return [*self.features_from, *(snapshot for one in self.frozen for snapshot in one.snapshots)]


class ModelRef(Record):
    """A registered model version."""

    usecase: str
    version: int
    run_id: str
    uri: str
    artifact_hash: str
    dataset: DatasetRef


class RegisteredVersion(Record):
    """What the tracker keeps of a registered version beside its documents, as text and numbers."""

    version: int
    description: str = ""
    registered_at: Moment | None = None
    tags: dict[str, str] = {}
    parameters: dict[str, str] = {}
    metrics: dict[str, float] = {}


class Proof(Record):
    """A registered model by its artifact: of a refit the one that was judged, of a recalibrated one what it was."""

    version: int
    artifact_hash: str

    @classmethod
    def of(cls, model: ModelRef) -> Self:
        return cls(version=model.version, artifact_hash=model.artifact_hash)


class TrainingRequest(Record):
    """What a person's form or a retrain plan asks of the next training; None: as the spec says.

    It learns from ``train_from`` to ``train_to`` and is tested on ``test_from`` to ``test_to``, all of them included.
    ``plan`` is the name of the retrain plan, "" when a person asks; ``task_runtime`` is where the fit runs.
    ``recalibrate``: the model that serves stays as it is, and only its calibrator is fitted anew, on ``train_from`` to
    ``train_to``, which must be later than all that it knows.
    """

    plan: str = ""
    train_from: Period | None = None
    train_to: Period | None = None
    test_from: Period | None = None
    test_to: Period | None = None
    trials: int | None = Field(default=None, ge=0)
    minutes: float | None = Field(default=None, gt=0)
    sampler: Literal["tpe", "random", "grid"] | None = None
    start_from: Literal["scratch", "champion"] | None = None
    task_runtime: Literal["local", "docker"] = "local"
    recalibrate: bool = False

    @classmethod
    def of(cls, form: Mapping[str, Any], plan: Mapping[str, Any]) -> Self:
        """The form's fields, replaced by those of the plan; raises TrainingError for one that cannot be."""
        try:
            return cls.model_validate({**form, **plan})
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise TrainingError(f"the training cannot be ordered: {faults}; correct the form or the plan") from error


class TrialRecord(Record):
    """One parameter set that a search tried; ``value`` of the primary metric on the validation part, when complete.

    ``steps`` are what it reported on the way (validation loss, larger is better), ``begun`` in seconds since 1970.
    """

    number: int
    state: Literal["complete", "pruned", "failed", "running"]
    parameters: dict[str, int | float | str]
    value: float | None = None
    steps: dict[int, float] = {}
    begun: float
    seconds: float
    reason: str = ""
