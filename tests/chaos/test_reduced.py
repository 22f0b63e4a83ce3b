"""A small platform under load: what is killed, stopped or filled comes back by itself, and no answer is wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.catalogue import REDUCED
from tests.chaos.faults import Fault
from tests.chaos.play import Stage, stage
from tests.chaos.surroundings import full_disk

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    place: Path = tmp_path_factory.mktemp("chaos")
    with stage(place) as made:
        yield made


@pytest.mark.parametrize("wave", REDUCED, ids=lambda wave: ",".join(fault.name for fault in wave))
def test_what_dies_or_hangs_is_back_and_no_answer_is_wrong(on: Stage, wave: tuple[Fault, ...]) -> None:
    for found in on.drill.play(*wave):
        assert found.recovered is not None, found
        assert found.told, found
        assert [cost.wrong for cost in found.cost.values()] == [0, 0], found
        assert (found.rows.lost, found.rows.doubled) == (0, 0), found


def test_a_full_disk_fails_no_answer_and_all_goes_on_afterwards(on: Stage) -> None:
    if on.disk:
        pytest.skip(on.disk)
    (found,) = on.drill.play(full_disk(lasts=200))
    assert found.recovered is not None, found
    assert all((cost.failed, cost.wrong) == (0, 0) for cost in found.cost.values()), found
    assert found.rows.lost <= found.rows.admitted, "the log says what it lacks"
    assert found.rows.doubled == 0


def test_each_event_became_its_row_once(on: Stage) -> None:
    assert on.feed.lost_and_wrong() == (0, 0)
