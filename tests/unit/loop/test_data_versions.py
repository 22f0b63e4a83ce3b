"""Every operation on snapshots that changes something is signed and recorded; one that only looks is not."""

from pathlib import Path
from typing import Any

import pytest

from include.errors import NotFoundError
from include.loop import data_versions
from include.services.composition import Services
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import APRIL, SPEC, publish

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


def test_the_list_is_of_every_snapshot_or_of_one_period_and_leaves_no_record(services: Services) -> None:
    assert [one["name"] for one in operate(services, "list")["snapshots"]] == ["2013-03-abc", NAME]
    assert [one["name"] for one in operate(services, "list", period=APRIL)["snapshots"]] == [NAME]
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
