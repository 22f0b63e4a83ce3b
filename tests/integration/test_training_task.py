"""The training task on real flights and a real MLflow, as a function, as a command and in a container."""

import json
import os
import subprocess
import sys

import pytest

from include import training_task
from include.adapters.experiment_tracker import MlflowTracker
from include.contracts import DatasetRef, ModelRef
from include.settings import ROOT, Settings
from tests.integration.docker_fixtures import docker_url, training_image  # noqa: F401
from tests.integration.ml_fixtures import build_dataset, dataset, flights, mlflow, spec  # noqa: F401

pytestmark = pytest.mark.integration
QUICK = {"n_estimators": 20}


@pytest.fixture
def settings(mlflow: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:  # noqa: F811
    monkeypatch.setattr(training_task, "load_settings", lambda: mlflow)
    return mlflow


def test_a_retried_task_finds_its_model(settings: Settings, dataset: DatasetRef) -> None:  # noqa: F811
    first = training_task.train(dataset.json_dict(), 0, QUICK)
    assert training_task.train(dataset.json_dict(), 0, QUICK) == first
    again = training_task.train(dataset.json_dict(), 0, QUICK, run="another")
    assert again.version != first.version
    assert again.artifact_hash == first.artifact_hash
    tracker = MlflowTracker(settings)
    assert "## Lineage" in tracker.document(first, "model_card.md")
    assert json.loads(tracker.document(first, "encoding.json"))["features"][0]["name"] == "carrier"


def test_the_command_prints_the_model_last(settings: Settings, dataset: DatasetRef) -> None:  # noqa: F811
    expected = training_task.train(dataset.json_dict(), 0, QUICK)
    done = _command(settings, json.dumps(dataset.json_dict()), "--trials", "0", "--parameters", json.dumps(QUICK))
    assert ModelRef.model_validate_json(done.stdout.splitlines()[-1]) == expected


def test_the_command_fails_in_words(settings: Settings, dataset: DatasetRef) -> None:  # noqa: F811
    done = _command(settings, json.dumps(dataset.json_dict()), "--parameters", '{"depth": 3}')
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("TrainingError: xgboost has no parameters ['depth'] here; allowed:")


def _command(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"MOEBIUS_HOME": str(settings.home), "MOEBIUS_MLFLOW_PORT": str(settings.mlflow_port)}
    command = [sys.executable, "-m", "include.training_task", "train", *arguments]
    return subprocess.run(command, env=os.environ | environment, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.docker
def test_a_container_trains_the_same_model(
    settings: Settings,
    dataset: DatasetRef,  # noqa: F811
    docker_url: str,  # noqa: F811
    training_image: str,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
    from airflow.providers.docker.operators.docker import DockerOperator
    from docker.types import Mount

    local = training_task.train(dataset.json_dict(), 0)
    task = DockerOperator(
        task_id="train_docker",
        image=training_image,
        docker_url=docker_url,
        command=["train", json.dumps(dataset.json_dict()), "--trials", "0", "--run", "container"],
        environment={"MOEBIUS_HOME": str(settings.home), "MOEBIUS_MLFLOW_PORT": str(settings.mlflow_port)},
        mounts=[Mount(dataset.path, dataset.path, type="bind", read_only=True)],
        network_mode="host",
        mount_tmp_dir=False,
        auto_remove="success",
        user=f"{os.getuid()}:{os.getgid()}",
    )
    model = ModelRef.model_validate_json(task.execute({}))
    tracker = MlflowTracker(settings)
    assert tracker.load(model) == tracker.load(local)
    assert model.artifact_hash == local.artifact_hash
    assert model.version != local.version
    assert tracker.tags("flight_delay", model.version)["revision"] == "tested"
