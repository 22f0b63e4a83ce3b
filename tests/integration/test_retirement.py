"""A release is retired and its archive deleted on the real lake, real files and a real MLflow."""

import json
from pathlib import Path

import pytest

from include.adapters.experiment_tracker import MlflowTracker
from include.adapters.lake import DeltaLake
from include.errors import NotFoundError
from include.loop import retirement, rollout
from include.records.registry import RETIREMENTS
from include.services.composition import Services
from include.settings import Settings
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.loop.loop_worlds import SPEC, dataset

pytestmark = pytest.mark.integration
YES = {"chosen_options": ["Approve"], "responded_by_user": {"name": "paula"}}


@pytest.fixture
def services(tmp_path: Path, mlflow: Settings) -> Services:
    """Two releases of versions that MLflow has; the second serves."""
    made = services_in(tmp_path)
    made.adapters.lake = DeltaLake(tmp_path / "lake")
    made.adapters.tracker = tracker = MlflowTracker(mlflow, made.adapters.locks)
    for number in (1, 2):
        model = tracker.log_training(SPEC.name, dataset(tmp_path), b"model %d" % number, {}, {}, {"card.md": "# card"})
        made.approvals.register(SPEC, model, by="manual", people=["ada"])
        release = packaged(made, SPEC, model.version, model_hash=model.artifact_hash)
        rollout.promote_release(SPEC, made, release)
    return made


def test_a_release_ends_in_an_archive_and_its_deletion_is_proved(services: Services) -> None:
    tracker, lake = services.adapters.tracker, services.adapters.lake
    model = services.approvals.model(SPEC, services.adapters.releases.get(SPEC.name, "r0001").model_version)
    retirement.ask(SPEC, services, "r0001", None, False, "replaced long ago", "olga", "run")
    assert retirement.retire(SPEC, services, YES, "run") == ["r0001"]
    assert tracker.tags(SPEC.name, model.version)["retired_by"] == "paula"
    with pytest.raises(NotFoundError, match="was retired on"):
        services.adapters.releases.get(SPEC.name, "r0001")
    (archive,) = services.adapters.archives.all(SPEC.name)
    assert retirement.delete_archives(SPEC, services, "later", archive.keep_until) == {"r0001": len(archive.files) + 1}
    (deleted,) = RETIREMENTS.read(SPEC.name, lake, event="deleted")
    assert deleted.facts["model"] == {"version": model.version, "sha256": model.artifact_hash, "absent": True}
    assert model.version not in tracker.versions(SPEC.name)
    with pytest.raises(NotFoundError, match=r"model\.zip"):
        tracker.load(model)
    assert tracker.document(model, "card.md") == "# card", "what was logged of the run stays"
    proof = RETIREMENTS.read(SPEC.name, lake, newest=1)[0]
    assert json.loads(proof.model_dump_json())["facts"]["archive"]["sha256"] == archive.sha256
