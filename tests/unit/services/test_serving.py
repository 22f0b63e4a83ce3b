"""Which model serves is said by the server and the release, not by an alias."""

from pathlib import Path

import pytest

from include.errors import DeploymentError, EvaluationError
from include.loop import rollout
from include.services.composition import Services
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.loop.loop_worlds import SPEC, register


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = services_in(tmp_path)
    model = register(made)
    rollout.promote_release(SPEC, made, packaged(made, SPEC, 1, model_hash=model.artifact_hash))
    return made


def test_before_the_first_release_no_model_serves(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    assert services.serving.champion_model(SPEC) is None
    assert services.serving.champion(SPEC) is None


def test_the_model_is_the_version_that_the_release_was_packaged_from(services: Services) -> None:
    model = services.serving.champion_model(SPEC)
    assert model is not None
    assert model.version == 1


def test_a_server_that_follows_another_state_is_an_alarm(services: Services) -> None:
    services.adapters.server.stuck = 7  # type: ignore[attr-defined]
    with pytest.raises(EvaluationError, match="alarm: the model server follows rollout generation 7"):
        services.serving.champion_model(SPEC)


def test_a_release_of_another_artifact_is_an_alarm(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    register(services)
    rollout.promote_release(SPEC, services, packaged(services, SPEC, 1, model_hash="0" * 64))
    with pytest.raises(EvaluationError, match="was packaged from flight_delay version 1"):
        services.serving.champion_model(SPEC)


@pytest.mark.parametrize(("store", "alarm"), [("memory", False), ("other", True)])
def test_a_release_of_another_store_of_mlflow_is_an_alarm(tmp_path: Path, store: str, alarm: bool) -> None:
    services = services_in(tmp_path)
    made = packaged(services, SPEC, 1, model_hash=register(services).artifact_hash, store=store)
    rollout.promote_release(SPEC, services, made)
    if alarm:
        with pytest.raises(EvaluationError, match="from a model in MLflow's store other, and this is memory: put"):
            services.serving.champion_model(SPEC)
    else:
        assert services.serving.champion_model(SPEC) is not None


def test_a_release_that_was_changed_is_refused(services: Services) -> None:
    (services.settings.releases / SPEC.name / "r0001" / "baseline.json").write_text("[]")
    with pytest.raises(DeploymentError, match="was changed after packaging"):
        services.serving.champion_model(SPEC)


def test_the_serving_model_is_installed_once(services: Services) -> None:
    server = services.adapters.server  # type: ignore[attr-defined]
    assert server.models == {SPEC.name}
    state = services.serving.require_rollout_state(SPEC)
    services.serving.follow(SPEC, state)
    assert server.models == {SPEC.name}
