"""What a process reads of its environment and hands on to those that it starts."""

import os

import pytest

from include.process_environment import default_environment, inherited_environment


def test_a_started_process_does_not_inherit_what_feast_keeps_for_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PROMETHEUS_MULTIPROC_DIR", "PROMETHEUS_MULTIPROCESS_DIR"):
        monkeypatch.setenv(name, "/gone/with/the/process")
    assert not [name for name in inherited_environment() if name.startswith("PROMETHEUS_MULTI")]
    assert inherited_environment()["PATH"]


def test_a_default_never_overrides_the_users_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOEBIUS_TEST_CHOSEN", "mine")
    monkeypatch.delenv("MOEBIUS_TEST_FREE", raising=False)
    default_environment({"MOEBIUS_TEST_CHOSEN": "yours", "MOEBIUS_TEST_FREE": "yours"})
    assert (os.environ["MOEBIUS_TEST_CHOSEN"], os.environ.pop("MOEBIUS_TEST_FREE")) == ("mine", "yours")
