"""The keeper ends what nobody watches, for each use case on its own, by the written states alone."""

import logging
from pathlib import Path
from typing import Any

import pytest

from include.deployment import rollout as states
from include.errors import ServiceError
from include.loop import rollout
from include.processes.keeper.rollouts import Rollouts
from include.services import small_state
from include.settings import Settings
from include.specification.loader import load_usecase

SPECS = [load_usecase(name) for name in ("digit_image", "flight_delay", "weather_forecast")]


@pytest.fixture
def keeper(tmp_path: Path) -> Rollouts:
    """Three use cases: the last of each pair of releases is watched, was watched for too long, and has no lease."""
    settings = Settings(home=tmp_path)
    store = small_state.state(settings)
    for spec, lease in zip(SPECS, (60.0, -1.0, None), strict=True):
        first = states.first(spec, "r0001")
        states.write(store, first)
        if lease is not None:
            states.write(store, states.shift(first, "r0002", 0.2, lease, rollout="run"))
    return Rollouts(settings)


def test_only_what_lapsed_is_ended(keeper: Rollouts, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    monkeypatch.setattr(rollout, "end_lapsed", lambda spec, services: ended.append(spec.name) or "")
    keeper.look()
    assert ended == ["flight_delay"]


def test_a_state_that_cannot_be_read_stops_no_other(
    keeper: Rollouts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = Settings(home=tmp_path).releases / "digit_image" / "rollout.json"
    for damaged in (file, *file.parent.glob(".rollout*")):
        damaged.write_text("{")
    ended: list[str] = []

    def end(spec: Any, services: Any) -> str:
        ended.append(spec.name)
        raise ServiceError("the lake is away")

    monkeypatch.setattr(rollout, "end_lapsed", end)
    with caplog.at_level(logging.ERROR, "keeper"):
        keeper.look()
    assert ended == ["flight_delay"]
    assert [one.getMessage().split(":")[0] for one in caplog.records] == [
        "rollout of digit_image", "rollout of flight_delay",
    ]  # fmt: skip
