"""An order on real flights and a real MLflow: as functions, as a command that is killed, and in a container."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from include.contracts.development import DatasetRef
from include.development.order import Order, Workspace
from include.development.training import study_of
from include.loop import training
from include.services.composition import Services
from include.settings import ROOT, Settings
from include.specification.usecase import UseCase
from tests.integration.docker_fixtures import docker_url, training_image  # noqa: F401
from tests.integration.ml_fixtures import build_dataset, dataset, flights, spec  # noqa: F401

pytestmark = pytest.mark.integration
QUICK = {"n_estimators": 20}


@pytest.fixture
def services(mlflow: Settings) -> Services:
    return Services(mlflow)


def ordered(spec: UseCase, services: Services, dataset: DatasetRef, **changes: object) -> str:  # noqa: F811
    asked = Order.model_validate({"dataset": dataset, "parameters": QUICK, **changes})
    return training.place(spec, services, asked)


def test_what_was_ordered_is_fitted_registered_and_found_again(
    spec: UseCase,  # noqa: F811
    services: Services,
    dataset: DatasetRef,  # noqa: F811
) -> None:
    key = ordered(spec, services, dataset)
    assert training.remaining(spec, services, key) == "fit"
    fit = training.fit(spec, services, key)
    model = training.register(spec, services, key)
    assert model.artifact_hash == fit.artifact_hash
    assert not Workspace(services.settings.training / spec.name / key, services.adapters.locks).path.exists()
    assert training.remaining(spec, services, key) == "registration"
    assert training.register(spec, services, key) == model

    again = ordered(spec, services, dataset, run="another")
    assert training.fit(spec, services, again).artifact_hash == fit.artifact_hash
    assert training.register(spec, services, again).version != model.version


def test_everything_that_the_model_came_from_is_tracked(
    spec: UseCase,  # noqa: F811
    services: Services,
    dataset: DatasetRef,  # noqa: F811
) -> None:
    key = ordered(spec, services, dataset)
    training.fit(spec, services, key)
    model = training.register(spec, services, key)
    tracker = services.adapters.tracker
    run = tracker._client.get_run(model.run_id)
    assert run.data.params["n_estimators"] == "20"
    assert (run.data.params["threads"], run.data.params["seed"]) == ("2", "0")
    assert run.data.metrics["fit_cpu_seconds"] > 0
    assert run.data.metrics["training_peak_mb"] >= run.data.metrics["fit_peak_mb"] > 50
    assert {i.dataset.name for i in run.inputs.dataset_inputs} == {
        f"{dataset.name}.{part}" for part in ("train", "validation", "test")
    }
    tags = tracker.tags(spec.name, model.version)
    assert (tags["trainer"], tags["test_to"], len(tags["lock"])) == ("xgboost", "2013-04", 64)
    assert tracker.content(model, "constraints.txt") == (ROOT / "constraints.txt").read_bytes()
    assert Order.model_validate_json(tracker.document(model, "order.json")).parameters == QUICK
    assert "## Lineage" in tracker.document(model, "model_card.md")
    assert json.loads(tracker.document(model, "encoding.json"))["features"][0]["name"] == "carrier"


def test_a_search_is_one_run_with_a_run_for_each_trial(
    spec: UseCase,  # noqa: F811
    services: Services,
    dataset: DatasetRef,  # noqa: F811
) -> None:
    key = ordered(spec, services, dataset, trials=3, sampler="random", run="searched")
    assert training.remaining(spec, services, key) == "search"
    training.search(spec, services, key)
    training.search(spec, services, key)  # another worker: nothing is left to do
    fit = training.fit(spec, services, key)
    model = training.register(spec, services, key)
    tracker = services.adapters.tracker
    tags = tracker.tags(spec.name, model.version)
    assert tags["search_paid"] == str(fit.tuning.paid).lower()
    parent = tracker.log_search(spec.name, tags["search"], {})
    trials = json.loads(tracker.document(model, "trials.json"))
    below = tracker._logged_trials(spec.name, parent)
    assert set(below) == {"0", "1", "2"}
    assert [trial["number"] for trial in trials] == [0, 1, 2]
    assert trials[0]["parameters"]["max_depth"] == 6
    assert f"3 trials (random; {fit.tuning.pruned} pruned" in tracker.document(model, "model_card.md")


def test_a_killed_search_goes_on_within_its_budget(
    spec: UseCase,  # noqa: F811
    services: Services,
    dataset: DatasetRef,  # noqa: F811
) -> None:
    parameters = {"n_estimators": 150, "max_depth": 8}
    key = ordered(spec, services, dataset, trials=4, sampler="random", parameters=parameters)
    place = Workspace(services.settings.training / spec.name / key, services.adapters.locks)
    study = study_of(spec, place, place.order())
    with subprocess.Popen(_command(spec, key), env=_environment(services), cwd=ROOT) as task:
        while not any(record.state == "complete" for record in study.records()):
            assert task.poll() is None
            time.sleep(0.05)
        task.send_signal(signal.SIGKILL)
    assert len(study.records()) < 4
    subprocess.run(_command(spec, key), env=_environment(services), cwd=ROOT, check=True, capture_output=True)
    assert len(study.records()) == 4


def test_the_command_fails_in_words(spec: UseCase, services: Services, dataset: DatasetRef) -> None:  # noqa: F811
    key = ordered(spec, services, dataset, parameters={"depth": 3})
    done = subprocess.run(
        _command(spec, key), env=_environment(services), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("TrainingError: 'depth' is not a parameter of xgboost; did you")


def _command(spec: UseCase, key: str) -> list[str]:  # noqa: F811
    return [sys.executable, "-m", "include.processes.fit", spec.name, key]


def _environment(services: Services) -> dict[str, str]:
    return os.environ | {"MOEBIUS_HOME": str(services.settings.home)}


@pytest.mark.docker
def test_a_container_fits_the_same_model(
    spec: UseCase,  # noqa: F811
    services: Services,
    dataset: DatasetRef,  # noqa: F811
    docker_url: str,  # noqa: F811
    training_image: str,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
    from docker.types import Mount

    from include.orchestration.containers import ContainerFit

    key = ordered(spec, services, dataset, run="container")
    settings = services.settings.model_copy(update={"docker_url": docker_url, "image": training_image})
    task = ContainerFit(task_id="train_docker", spec=spec, settings=settings, key=key).container()
    settings.datasets.mkdir(parents=True, exist_ok=True)
    task.mounts.append(Mount(dataset.path, dataset.path, type="bind", read_only=True))  # of another state root
    task.execute({})
    model = training.register(spec, services, key)
    local = ordered(spec, services, dataset, run="local")
    assert training.fit(spec, services, local).artifact_hash == model.artifact_hash
    assert services.adapters.tracker.tags(spec.name, model.version)["revision"] == "tested"
