"""``moebius reproduce`` leaves a record: evidence of item 7 of the checklist when the answers agree."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.commands import reproduce
from include.development.reproduction import Reproduction
from include.errors import NotFoundError
from include.governance.checklist.rules import states
from include.services import checklist, checklist_events
from include.services.composition import Services
from include.specification.loader import load_usecase
from tests.unit.fakes.adapters import services_in

SPEC = load_usecase("flight_delay")


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path)


def comes_out(monkeypatch: pytest.MonkeyPatch, difference: float) -> None:
    found = Reproduction(rows=9, difference=difference, tolerance=0.1, same_bytes=False, changed={"os": ("a", "b")})
    monkeypatch.setattr(reproduce, "reproduction", lambda *_: found)


def evidence(services: Services) -> list[str]:
    """Of item 7, after the daily look at the log."""
    checklist_events.look(services, datetime.now(UTC) + timedelta(seconds=1))
    [point] = [one for one in states(checklist.gather(services, [SPEC]))[7].points if one.key == "reproduce"]
    return [one.where for one in point.evidence]


def test_a_model_that_is_reproduced_is_evidence(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    assert evidence(services) == []
    comes_out(monkeypatch, 0.05)
    assert reproduce.recorded(SPEC, services, 3).reproduced
    [event] = services.adapters.audit.events  # type: ignore[attr-defined]
    assert (event.action, event.kind, event.what, event.outcome) == ("reproduce", "use", "version 3", "done")
    assert event.by.startswith("os:")
    assert (event.facts["rows"], event.facts["difference"], event.facts["tolerance"]) == (9, 0.05, 0.1)
    assert evidence(services) == ["audit log: action: reproduce"]


def test_one_that_comes_out_otherwise_is_recorded_and_proves_nothing(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    comes_out(monkeypatch, 0.2)
    assert not reproduce.recorded(SPEC, services, 3).reproduced
    assert [event.outcome for event in services.adapters.audit.events] == ["failed"]  # type: ignore[attr-defined]
    assert evidence(services) == []


def test_what_cannot_be_decided_is_recorded_with_its_error(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> None:
        raise NotFoundError("no such version")

    monkeypatch.setattr(reproduce, "reproduction", lost)
    with pytest.raises(NotFoundError):
        reproduce.recorded(SPEC, services, 3)
    [event] = services.adapters.audit.events  # type: ignore[attr-defined]
    assert (event.outcome, event.facts["error"]) == ("failed", "NotFoundError")
