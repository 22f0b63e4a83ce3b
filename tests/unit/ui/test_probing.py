"""Probes are asked beside the pages, their answers kept, and what one meets breaks no page."""

from collections import Counter
from datetime import UTC, datetime
from threading import Event

import pytest

from include.errors import ServiceError
from include.governance.standard.states import Answer
from include.ui import dag_runs, probing
from include.ui.dag_runs import Family
from include.ui.probing import STANDS, Probing

AT = datetime(2013, 5, 1, tzinfo=UTC)


def test_answers_stand_for_a_while() -> None:
    asked: Counter[str] = Counter()
    now = [0.0]

    def ask() -> dict[str, Answer]:
        asked["a"] += 1
        return {"a": Answer("healthy", "found", AT, {"what": str(asked["a"])})}

    probes = Probing({("a",): ask}, clock=lambda: now[0])
    assert probes.evidence(patience=10)["a"].facts == {"what": "1"}
    now[0] = STANDS
    assert probes.evidence()["a"].facts == {"what": "1"}
    now[0] = STANDS + 1
    probes.evidence()
    probes.close()
    assert asked["a"] == 2


def test_what_has_not_answered_yet_is_said_to_be_asked() -> None:
    go = Event()

    def slow() -> dict[str, Answer]:
        go.wait(10)
        return {"slow": Answer("healthy", "found", AT)}

    probes = Probing({("slow",): slow, ("fast",): lambda: {"fast": Answer("down", "silent", AT)}})
    first = probes.evidence(patience=0.05)
    go.set()
    assert (first["slow"].state, first["slow"].code) == ("none", "asking")
    assert probes.evidence(patience=10)["slow"].state == "healthy"
    probes.close()


FAULTS = [(ServiceError("it is away"), "it is away"), (ValueError("x"), "ValueError")]


@pytest.mark.parametrize(("error", "why"), FAULTS)
def test_a_probe_that_fails_is_no_evidence(error: Exception, why: str, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> dict[str, Answer]:
        raise error

    probes = Probing({("a", "b"): fail})
    found = probes.evidence(patience=10)
    probes.close()
    assert {name: (one.state, one.code, one.facts) for name, one in found.items()} == {
        name: ("none", "unasked", {"why": why}) for name in ("a", "b")
    }


def family(usecase: str, state: str, at: datetime | None = AT) -> Family:
    return Family(f"{usecase}.training", False, state, "r" if at else "", at)


@pytest.mark.parametrize(("families", "state", "code"), [
    ([], "none", "no_dag"), ([family("a", "", None)], "idle", "never_ran"),
    ([family("a", "success")], "healthy", "ran"),
    ([family("a", "running"), family("b", "", None)], "healthy", "ran"),
    ([family("a", "success"), family("b", "failed")], "degraded", "ran"), ([family("a", "failed")], "down", "ran"),
])  # fmt: skip
def test_a_family_is_as_its_newest_runs_ended(families: list[Family], state: str, code: str) -> None:
    found = probing._family("training", families)
    assert (found.state, found.code) == (state, code)


def test_choices_of_forms_are_asked_of_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dag_runs, "families", lambda: [family("a", "failed"), family("b", "success")])
    monkeypatch.setattr(dag_runs, "form_choices", lambda name: {"sampler": ["tpe", "grid"]})
    names = ("dag:training", "form:training.sampler=grid", "form:training.sampler=other")
    found = probing._of_airflow(names)
    assert [found[name].state for name in names] == ["degraded", "healthy", "none"]
    assert found["dag:training"].facts["run"] == "a.training"
