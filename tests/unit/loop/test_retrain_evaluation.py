"""What is judged: versions that a training of this state root registered, and no other."""

from pathlib import Path

import pytest

from include.errors import NotFoundError
from include.loop import approval, retrain_evaluation
from include.services import verdicts
from include.services.composition import Services
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import SPEC, dataset, register, verdict


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = services_in(tmp_path)
    verdicts.store(SPEC, made, register(made), verdict(), run="run-1")
    return made


def test_a_version_that_is_not_registered_is_named_with_those_that_are(services: Services) -> None:
    with pytest.raises(NotFoundError, match=r"no model version 7 that a training .* there are \[1\]"):
        retrain_evaluation.evaluate(SPEC, services, "7")


def test_a_version_that_stands_in_mlflow_only_is_not_judged(services: Services) -> None:
    home = services.settings.home
    services.adapters.tracker.log_training(SPEC.name, dataset(home), b"forged", {}, {}, {}, key="forged")
    with pytest.raises(NotFoundError, match="A version that stands in MLflow only is not used"):
        retrain_evaluation.evaluate(SPEC, services, "2")


def test_without_a_registered_version_there_is_nothing_to_judge(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="train one first"):
        retrain_evaluation.evaluate(SPEC, services_in(tmp_path), None)


def test_the_verdict_is_in_the_lake_and_with_the_version(services: Services) -> None:
    assert [one.digest for one in services.records.verdicts(SPEC)] == [verdict().digest]
    assert services.adapters.tracker.tags(SPEC.name, 1)["verdict"] == "promote"
    assert approval.report(SPEC, services, "run-1").count("better") >= 1
