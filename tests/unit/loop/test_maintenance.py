"""What tasks took goes to the lake once its hour is over, and counts once; storage is measured with it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.adapters.cost_spool import HOUR, SETTLED
from include.contracts.costs import TaskCost
from include.contracts.period import Period
from include.loop import maintenance
from include.operations.overview import spending
from include.records.registry import STORAGE, TASK_COSTS
from include.services.composition import Services
from include.specification.loader import load_usecase
from tests.unit.fakes.adapters import services_in

SPEC = load_usecase("flight_delay")


def cost(task: str, attempt: int = 1) -> TaskCost:
    now = datetime.now(UTC)
    return TaskCost(
        period=Period.recorded(now), family="training", task=task, run="r", attempt=attempt, ended_at=now,
        outcome="done", seconds=2, cpu_seconds=1, peak_bytes=1,
    )  # fmt: skip


def spooled(services: Services, at: datetime, *costs: TaskCost) -> Path:
    """The file of the hour of that time, as tasks left it."""
    file = services.adapters.cost_spool(SPEC.name).directory / f"{at.strftime(HOUR)}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{one.model_dump_json()}\n" for one in costs))
    return file


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path)


def kept(services: Services) -> list[TaskCost]:
    return TASK_COSTS.read(SPEC.name, services.adapters.lake)


def test_costs_of_hours_that_are_over_go_to_the_lake_and_this_hour_stays(services: Services) -> None:
    now = datetime.now(UTC)
    over = spooled(services, now - SETTLED - timedelta(hours=1), cost("fit"), cost("tune"))
    under_way = spooled(services, now, cost("late"))
    assert maintenance.record_costs(SPEC, services) == {"task_costs": 2, "storage": 0}
    assert {one.task for one in kept(services)} == {"fit", "tune"}
    assert (over.exists(), under_way.exists()) == (False, True)
    assert maintenance.record_costs(SPEC, services)["task_costs"] == 0, "nothing is taken twice"


def test_a_kill_between_lake_and_file_loses_no_cost_and_counts_none_twice(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    spooled(services, datetime.now(UTC) - timedelta(days=1), cost("fit"), cost("fit", attempt=2))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            maintenance.record_costs(SPEC, services)
    maintenance.record_costs(SPEC, services)
    assert len(kept(services)) == 4
    assert spending.total(one.spent for one in services.records.task_costs(SPEC, newest=1).sums).attempts == 2


def test_a_line_that_was_cut_is_left_out_and_the_others_are_kept(services: Services) -> None:
    file = spooled(services, datetime.now(UTC) - timedelta(days=1), cost("fit"))
    with file.open("a") as more:
        more.write(cost("tune").model_dump_json()[:40])
    assert maintenance.record_costs(SPEC, services)["task_costs"] == 1


def test_storage_is_measured_at_each_place_that_is_there(services: Services) -> None:
    snapshot = services.settings.snapshots / SPEC.name / "2013-01.json"
    snapshot.parent.mkdir(parents=True)
    snapshot.write_bytes(b"x" * 300)
    assert maintenance.record_costs(SPEC, services)["storage"] == 1
    [found] = STORAGE.read(SPEC.name, services.adapters.lake)
    assert (found.place, found.size_bytes, found.files) == ("snapshots", 300, 1)
