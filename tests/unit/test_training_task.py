"""The key of a training: equal only when the model must be equal."""

import os
from pathlib import Path

import pytest

from include import training_task
from include.settings import default_environment
from tests.unit.development.frames import build, flight_spec


def test_the_key_follows_what_the_model_depends_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, dataset = flight_spec(), build(tmp_path)
    key = training_task.training_key(spec, dataset, 0, {"max_depth": 3})
    assert training_task.training_key(spec, dataset, 0, {"max_depth": 3}) == key
    others = [
        training_task.training_key(spec, dataset, 0, {"max_depth": 4}),
        training_task.training_key(spec, dataset, 9, {"max_depth": 3}),
        training_task.training_key(spec, dataset, 0, {"max_depth": 3}, run="again"),
        training_task.training_key(spec, dataset.model_copy(update={"name": "x"}), 0, {"max_depth": 3}),
    ]
    monkeypatch.setattr(training_task, "version", lambda name: "0")
    others.append(training_task.training_key(spec, dataset, 0, {"max_depth": 3}))
    assert len({key, *others}) == 6


def test_a_default_never_overrides_the_users_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOEBIUS_TEST_CHOSEN", "mine")
    monkeypatch.delenv("MOEBIUS_TEST_FREE", raising=False)
    default_environment({"MOEBIUS_TEST_CHOSEN": "yours", "MOEBIUS_TEST_FREE": "yours"})
    assert (os.environ["MOEBIUS_TEST_CHOSEN"], os.environ.pop("MOEBIUS_TEST_FREE")) == ("mine", "yours")
