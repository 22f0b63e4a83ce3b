"""The tracker against a real MLflow server."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from include.adapters.experiment_tracker import MODEL_FILE, MlflowTracker
from include.adapters.file_locks import FileLocks
from include.adapters.file_state import FileState
from include.contracts.development import DatasetRef, FieldType, ModelFields, PartRef, TrialRecord
from include.errors import DamagedFileError, DamagedStateError, NotFoundError, ServiceError
from include.settings import Settings
from tests import living
from tests.integration.ports import free_port

pytestmark = pytest.mark.integration
PART = PartRef(path="/nowhere.parquet", rows=1, content_hash="0" * 64, periods=["2013-01"])
DATASET = DatasetRef(
    usecase="tracked",
    name="2013-01-abc",
    path="/nowhere",
    feature_service="s",
    label="late",
    train=PART,
    validation=PART,
    test=PART,
    snapshots={"2013-01": "2013-01-x"},
)


@pytest.fixture
def tracker(mlflow: Settings) -> MlflowTracker:
    return MlflowTracker(mlflow, FileLocks(mlflow.home))


def log(tracker: MlflowTracker, model: bytes = b"a model", usecase: str = "tracked", **changes: object):
    documents = {"model_card.md": "# card", "reports/slices.json": "[]"}
    return tracker.log_training(usecase, DATASET, model, {"depth": 6}, {"test_roc_auc": 0.7}, documents, **changes)


def test_a_logged_model_comes_back(tracker: MlflowTracker) -> None:
    model = log(tracker, revision="abc123")
    assert tracker.model("tracked", model.version) == model
    assert model.dataset == DATASET
    assert tracker.load(model) == b"a model"
    assert tracker.document(model, "reports/slices.json") == "[]"
    assert tracker.tags("tracked", model.version)["revision"] == "abc123"


def test_a_model_and_its_version_say_what_they_are_and_link_back_to_the_pages(tracker: MlflowTracker) -> None:
    model = log(tracker, b"described", "described")
    every = tracker._client.get_registered_model("described").description
    own = tracker._client.get_model_version("described", str(model.version)).description
    assert f"/moebius/verdicts/described/{model.version})" in own
    assert "Dataset `2013-01-abc`: trained on" in own
    assert "/moebius/versions/described)" in every
    log(tracker, b"another", "described")
    assert tracker._client.get_registered_model("described").description == every


def test_mlflow_reads_the_signature_of_a_version_and_the_model_is_proved_as_before(
    tracker: MlflowTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow reads it in the registered version's directory, where its own page does, too."""
    inputs: dict[str, FieldType] = {"distance": "double", "origin": "string"}
    fields = ModelFields(inputs=inputs, outputs={"prediction": "string", "scores": "floats"})
    model = log(tracker, b"signed", "signed", fields=fields, key="k")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracker.url)
    from mlflow.models import get_model_info

    signature = get_model_info(model.uri).signature
    assert signature.inputs.input_names() == ["distance", "origin"]
    assert [str(kind) for kind in signature.inputs.input_types()] == ["DataType.double", "DataType.string"]
    assert signature.outputs.input_names() == ["prediction", "scores"]
    assert not any(spec.required for spec in signature.inputs), "a value may be missing"
    assert tracker.load(model) == b"signed"
    assert model.artifact_hash == hashlib.sha256(b"signed").hexdigest()
    assert log(tracker, b"signed", "signed", fields=fields, key="k") == model
    assert tracker.forget(model)


def test_the_same_training_is_registered_once(tracker: MlflowTracker) -> None:
    first = log(tracker, b"once", "once")
    assert log(tracker, b"once", "once") == first
    assert log(tracker, b"another", "once").version == first.version + 1
    assert tracker.versions("once") == [1, 2]


def test_a_key_finds_its_version(tracker: MlflowTracker) -> None:
    model = log(tracker, b"keyed", "keyed", key="k1")
    assert tracker.find("keyed", "k1") == model
    assert tracker.find("keyed", "k2") is None
    assert log(tracker, b"other bytes", "keyed", key="k1") == model


def test_the_same_training_key_six_times_at_once_gives_one_version(tracker: MlflowTracker, mlflow: Settings) -> None:
    others = [MlflowTracker(mlflow, FileLocks(mlflow.home)) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        models = list(pool.map(lambda other: log(other, b"a model", "at_once", key="k1"), others))
    assert [model.version for model in models] == [1] * 6
    assert tracker.versions("at_once") == [1]
    assert len(tracker._client.search_runs([tracker._experiment("at_once")])) == 1


def test_the_same_search_six_times_at_once_is_one_run(tracker: MlflowTracker) -> None:
    trial = TrialRecord(
        number=0, state="complete", parameters={"depth": 3}, value=0.7, steps={}, begun=1.0, seconds=1.0
    )
    with ThreadPoolExecutor(6) as pool:
        runs = set(pool.map(lambda _: tracker.log_search("searched_at_once", "s1", {}, [trial]), range(6)))
    assert len(runs) == 1
    assert len(tracker._client.search_runs([tracker._experiment("searched_at_once")])) == 2, "the search and its trial"


def test_a_run_that_was_cut_short_is_completed(tracker: MlflowTracker, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tracker, "_register", cut)
        with pytest.raises(KeyboardInterrupt):
            log(tracker, b"cut", "cut")
    assert tracker.versions("cut") == []
    model = log(tracker, b"cut", "cut")
    runs = tracker._client.search_runs([tracker._experiment("cut")])
    assert [run.info.run_id for run in runs] == [model.run_id]
    assert tracker.load(model) == b"cut"


def test_the_fit_step_by_step_the_dataset_and_tags(tracker: MlflowTracker) -> None:
    curve = [{"step": n, "train": 1 / n, "validation": float("nan") if n == 1 else 2 / n} for n in range(1, 1500)]
    model = log(tracker, b"curved", "curved", curve=curve, tags={"trainer": "xgboost"})
    client = tracker._client
    history = client.get_metric_history(model.run_id, "train_loss")
    assert [(m.step, m.value) for m in history][:2] == [(1, 1.0), (2, 0.5)]
    assert len(client.get_metric_history(model.run_id, "validation_loss")) == 1498
    inputs = client.get_run(model.run_id).inputs.dataset_inputs
    assert {(i.dataset.name, i.tags[0].value) for i in inputs} == {
        (f"2013-01-abc.{part}", part) for part in ("train", "validation", "test")
    }
    found = client.search_runs([tracker._experiment("curved")], "tags.trainer = 'xgboost'")
    assert [run.info.run_id for run in found] == [model.run_id]


def test_trials_are_runs_below_their_search_and_logged_once(tracker: MlflowTracker) -> None:
    trials = [
        TrialRecord(
            number=0, state="complete", parameters={"depth": 6}, value=0.7, steps={1: -0.6}, begun=1e9, seconds=2
        ),
        TrialRecord(number=1, state="pruned", parameters={"depth": 3}, begun=1e9, seconds=1),
        TrialRecord(number=2, state="failed", parameters={"depth": -1}, begun=1e9, seconds=0, reason="no such depth"),
        TrialRecord(number=3, state="running", parameters={"depth": 4}, begun=1e9, seconds=0),
    ]
    parent = tracker.log_search("searched", "s1", {"dataset": "d"})
    for _ in range(2):
        assert tracker.log_search("searched", "s1", {"dataset": "d"}, trials) == parent
    assert tracker._logged_trials("searched", parent) == {"0": "FINISHED", "1": "KILLED", "2": "FAILED"}
    query = f"tags.`mlflow.parentRunId` = '{parent}' and tags.trial = '0'"
    (first,) = tracker._client.search_runs([tracker._experiment("searched")], query)
    assert (first.data.params, first.data.metrics["value"]) == ({"depth": "6"}, 0.7)
    assert first.info.end_time == 1_000_000_002_000


def test_bytes_are_documents_too(tracker: MlflowTracker) -> None:
    model = tracker.log_training("bytes", DATASET, b"m", {}, {}, {"plots/roc.png": b"\x89PNG"})
    tracker.add_document(model, "plots/pr.png", b"\x89PNG2")
    assert [tracker.content(model, f"plots/{n}.png") for n in ("roc", "pr")] == [b"\x89PNG", b"\x89PNG2"]


def test_aliases_and_tags(tracker: MlflowTracker) -> None:
    model = log(tracker, b"aliased", "aliased")
    assert tracker.alias("aliased", "champion") is None
    assert tracker.alias("never_seen", "champion") is None
    tracker.set_alias("aliased", "champion", model.version)
    assert tracker.alias("aliased", "champion") == model.version
    tracker.tag("aliased", model.version, {"decision": "promote"})
    assert tracker.tags("aliased", model.version)["decision"] == "promote"


def test_documents_are_added_and_replaced(tracker: MlflowTracker) -> None:
    model = log(tracker)
    for text in ("one", json.dumps({"v": "µ"})):
        tracker.add_document(model, "evaluation/verdict.json", text)
        assert tracker.document(model, "evaluation/verdict.json") == text


def test_a_changed_artifact_is_refused(tracker: MlflowTracker, mlflow: Settings) -> None:
    model = log(tracker, b"honest", "changed")
    (stored,) = (mlflow.home / "mlflow" / "artifacts").glob(f"*/{model.run_id}/artifacts/{MODEL_FILE}")
    stored.write_bytes(b"swapped")
    with pytest.raises(DamagedFileError, match=r"models:/changed/1: the stored model has hash"):
        tracker.load(model)


def test_what_is_not_there_is_named(tracker: MlflowTracker) -> None:
    assert tracker.versions("never_seen") == []
    with pytest.raises(NotFoundError, match="version 7 of never_seen"):
        tracker.model("never_seen", 7)
    with pytest.raises(NotFoundError, match=r"no\.md"):
        tracker.document(log(tracker), "no.md")
    with pytest.raises(NotFoundError, match="version 99"):
        tracker.set_alias("tracked", "champion", 99)


def test_a_dead_server_is_a_service_error(tmp_path: Path) -> None:
    dead = MlflowTracker(Settings(home=tmp_path, mlflow_port=free_port()), FileLocks(tmp_path))
    with pytest.raises(ServiceError, match=r"could not list the versions of x: .*make status"):
        dead.versions("x")


def test_the_server_is_one_process(mlflow: Settings) -> None:
    mine = [p for p in living.below(psutil.Process()) if str(mlflow.mlflow_port) in living.command_line(p)]
    assert len(mine) == 1


def test_another_store_than_the_one_that_was_used_is_refused(mlflow: Settings, tmp_path: Path) -> None:
    state, locks = FileState(tmp_path, FileLocks(tmp_path)), FileLocks(tmp_path)
    mine = MlflowTracker(mlflow, locks, state)
    mine.versions("store_case")
    assert json.loads(state.get("stores/mlflow.json").text) == {"store": mine.store()}
    assert MlflowTracker(mlflow, locks, state).store() == mine.store() != ""
    state.put("stores/mlflow.json", json.dumps({"store": "0" * 16}))
    with pytest.raises(DamagedStateError, match=rf"has the store {mine.store()}, and the .* in store 0{{16}}: put"):
        MlflowTracker(mlflow, locks, state).versions("store_case")
