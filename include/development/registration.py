"""What a training registers is what was made here, whatever the tracker says."""

import hashlib

from include.contracts.development import DatasetRef, ModelRef
from include.errors import TrainingError


def as_made(model: ModelRef, dataset: DatasetRef, content: bytes) -> ModelRef:
    """The registered version with this dataset and content; raises TrainingError when the tracker has another model."""
    made = hashlib.sha256(content).hexdigest()
    if model.artifact_hash != made:
        raise TrainingError(
            f"MLflow has version {model.version} of {model.usecase} under this training key, but with the model "
            f"{model.artifact_hash[:12]}, and {made[:12]} was made here: delete that version in MLflow, find out who "
            "made it, and clear this task"
        )
    return model.model_copy(update={"dataset": dataset})
