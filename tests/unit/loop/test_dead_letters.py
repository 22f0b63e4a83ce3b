"""Dead letters of a stream that the use case has are put back or deleted."""

from pathlib import Path

import pytest

from include.errors import NotFoundError
from include.loop import dead_letters
from include.specification.loader import load_usecase
from tests.unit.fakes.adapters import services_in
from tests.unit.fakes.streaming import MemoryStream

SPEC = load_usecase("flight_delay")
VIEW = sorted(SPEC.event_streams)[0]


@pytest.mark.parametrize("choice", ["replay", "drop"])
def test_all_letters_of_the_stream_are_settled(tmp_path: Path, choice: str) -> None:
    services, stream = services_in(tmp_path), MemoryStream()
    stream.dead = {"1-0": "breaks the contract", "2-0": "breaks the contract"}
    services.adapters.streams[VIEW] = stream  # type: ignore[attr-defined]
    assert dead_letters.settle(SPEC, services, VIEW, choice) == 2  # type: ignore[arg-type]


def test_a_stream_that_there_is_not_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=VIEW):
        dead_letters.settle(SPEC, services_in(tmp_path), "no_such_view", "drop")


@pytest.mark.parametrize("choice", ["replay", "drop"])
def test_a_stream_without_a_dead_letter_is_not_said_to_be_settled(tmp_path: Path, choice: str) -> None:
    services = services_in(tmp_path)
    services.adapters.streams[VIEW] = MemoryStream()  # type: ignore[attr-defined]
    with pytest.raises(NotFoundError, match=f"{VIEW} has no dead letter, so there is nothing to {choice}"):
        dead_letters.settle(SPEC, services, VIEW, choice)  # type: ignore[arg-type]
