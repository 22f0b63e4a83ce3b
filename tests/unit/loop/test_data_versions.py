"""Every operation on snapshots that changes something is signed and recorded; one that only looks is not."""

from pathlib import Path
from typing import Any

import pytest

from include.data.manifests import Turn
from include.errors import NotFoundError
from include.loop import data_pipeline, data_versions
from include.services.composition import Services
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import APRIL, NOON, SPEC, publish

NAME = "2013-04-abc"


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = services_in(tmp_path)
    publish(made, "2013-03", "2013-04")
    return made


def operate(services: Services, operation: str, **form: Any) -> dict[str, Any]:
    return data_versions.asked(SPEC, services, {"operation": operation, **form}, "ada")


def recorded(services: Services) -> list[tuple[str, str]]:
    return [(row.operation, row.by) for row in data_versions.operations(SPEC, services)]


def test_the_list_is_of_every_snapshot_or_of_one_period_or_range_and_leaves_no_record(services: Services) -> None:
    assert [one["name"] for one in operate(services, "list")["snapshots"]] == ["2013-03-abc", NAME]
    assert [one["name"] for one in operate(services, "list", period=APRIL)["snapshots"]] == [NAME]
    in_range = operate(services, "list", period="2013-04..2013-06")["snapshots"]
    assert [one["name"] for one in in_range] == [NAME]
    assert recorded(services) == []


def test_a_pin_is_recorded_with_its_reason_until_it_is_taken_off(services: Services) -> None:
    assert "will not expire" in operate(services, "pin", snapshot=NAME, reason="audit 2026")["text"]
    (pin,) = services.records.snapshots(SPEC).pins()
    assert (pin.name, pin.by, pin.why) == (NAME, "ada", "audit 2026")
    assert "audit 2026" in operate(services, "unpin", snapshot=NAME, reason="the audit is over")["text"]
    assert services.records.snapshots(SPEC).pins() == []
    assert recorded(services) == [("pin", "ada"), ("unpin", "ada")]


@pytest.mark.parametrize(
    ("operation", "form", "message"),
    [
        ("pin", {"snapshot": NAME}, "reason is missing"),
        ("pin", {"reason": "audit"}, "the name of a snapshot"),
        ("pin", {"snapshot": "2013-04-zzz", "reason": "audit"}, "2013-04-zzz"),
        ("diff", {"snapshot": NAME, "period": "2013-03"}, "is of 2013-04, not of 2013-03"),
        ("diff", {"snapshot": NAME, "period": "2013-01..2013-03"}, "is of 2013-04, not of 2013-01..2013-03"),
        ("list", {"period": "2013-05..2013-06"}, "no snapshot of 2013-05..2013-06; there are snapshots of 2013-03"),
        ("rebuild", {}, "name the model version"),
        ("rebuild", {"version": 7}, "no model version 7"),
    ],
)
def test_what_is_missing_or_unknown_is_named_and_nothing_is_recorded(
    services: Services, operation: str, form: dict, message: str
) -> None:
    with pytest.raises(NotFoundError, match=message):
        operate(services, operation, **form)
    assert recorded(services) == []


def replaced(services: Services) -> None:
    """Another snapshot of April took the place of the first one, and the other DAGs were told."""
    snapshots = services.records.snapshots(SPEC)
    other = snapshots.all_named()[-1].model_copy(update={"name": "2013-04-xyz"})
    snapshots.keep(other)
    snapshots.make_current(other, Turn.of(other.name, NOON, "ada", "published"))
    assert data_pipeline.announce(SPEC, services, APRIL, "pipeline-2")


def restore(services: Services, run: str) -> bool:
    """Whether a run of ``data_versions`` tells the other DAGs, as its two tasks do it."""
    done = operate(services, "restore", snapshot=NAME, reason="as it was")
    return done["changed"] and data_pipeline.announce(SPEC, services, APRIL, run)


def test_a_restore_of_what_is_current_changes_records_and_announces_nothing(services: Services) -> None:
    assert data_pipeline.announce(SPEC, services, APRIL, "pipeline-1")
    done = operate(services, "restore", snapshot=NAME, reason="as it was")
    assert not done["changed"]
    assert "nothing changed" in done["text"]
    assert recorded(services) == []


def test_a_restore_of_an_earlier_snapshot_is_announced_once(services: Services) -> None:
    replaced(services)
    assert restore(services, "restore-1")
    assert not restore(services, "restore-2")
    assert recorded(services) == [("restore", "ada")]


def test_a_restore_that_was_killed_before_it_announced_is_finished_by_its_repetition(services: Services) -> None:
    replaced(services)
    operate(services, "restore", snapshot=NAME, reason="as it was")  # and killed: the pointer has moved already
    assert restore(services, "restore-1")


def test_a_month_with_the_same_content_is_announced_by_one_run_alone(services: Services) -> None:
    told = [data_pipeline.announce(SPEC, services, APRIL, run) for run in ("run-1", "run-1", "run-2", "run-3")]
    assert told == [True, True, False, False], "the run that announces may be killed, so it may repeat itself"
    replaced(services)
    assert not data_pipeline.announce(SPEC, services, APRIL, "run-1")


def test_a_month_whose_rows_were_rewritten_is_announced_again(services: Services) -> None:
    data_pipeline.announce(SPEC, services, APRIL, "run-1")
    snapshots = services.records.snapshots(SPEC)
    current = snapshots.current(APRIL)
    assert current is not None
    snapshots.replace(f"{APRIL}.json", current.model_copy(update={"rewrites": ["a subject was erased"]}))
    assert data_pipeline.announce(SPEC, services, APRIL, "run-2")
