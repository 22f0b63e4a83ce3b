"""An approval is of one verdict, and of the person who gave it."""

from pathlib import Path

import pytest

from include.errors import EvaluationError, NotFoundError
from include.loop import retrain_evaluation
from include.services import verdicts
from include.services.composition import Services
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import SPEC, register, verdict


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = services_in(tmp_path)
    verdicts.store(SPEC, made, register(made), verdict(), "report")
    return made


def test_the_approval_names_the_verdict_and_the_person(services: Services) -> None:
    answer = {"responded_by_user": {"id": "1", "name": "olga"}, "chosen_options": ["Approve"]}
    digest = retrain_evaluation.record_approval(SPEC, services, verdict(), answer)
    tags = services.adapters.tracker.tags(SPEC.name, 1)
    assert (tags["approved_verdict"], tags["approved_by"]) == (digest, "olga")
    assert services.adapters.tracker.alias(SPEC.name, "challenger") == 1
    assert retrain_evaluation.record_approval(SPEC, services, verdict(), answer) == digest


def test_without_a_person_the_policy_approves(services: Services) -> None:
    retrain_evaluation.record_approval(SPEC, services, verdict(), None)
    assert services.adapters.tracker.tags(SPEC.name, 1)["approved_by"] == "policy"


def test_another_verdict_than_the_one_that_was_shown_is_not_approved(services: Services) -> None:
    with pytest.raises(EvaluationError, match="changed after it was shown"):
        retrain_evaluation.record_approval(SPEC, services, verdict(reason="what was shown"), None)
    assert services.adapters.tracker.alias(SPEC.name, "challenger") is None


def test_a_version_that_is_not_registered_is_named_with_those_that_are(services: Services) -> None:
    with pytest.raises(NotFoundError, match=r"no model version 7; there are \[1\]"):
        retrain_evaluation.evaluate(SPEC, services, "7")


def test_the_verdict_is_in_the_lake_and_with_the_version(services: Services) -> None:
    assert [one.digest for one in services.records.verdicts(SPEC)] == [verdict().digest]
    assert services.adapters.tracker.tags(SPEC.name, 1)["verdict"] == "promote"
    assert retrain_evaluation.report(SPEC, services, verdict()).count("better") >= 1
