"""Every state of a loop, from the facts that make it, and which of several findings names the loop."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.contracts import steady
from include.contracts.controls import Hold
from include.contracts.deployment import Lease, RolloutState, Shadowing
from include.contracts.operations import Figure, FiringAlert, RetrainPlan, Severity
from include.contracts.period import Period
from include.contracts.runs import OpenRun, OpenWork, RequiredAction
from include.contracts.scrub import Scrubbed
from include.operations.overview.loop_state import SHOWN, STATES, Facts, findings

AT = datetime(2013, 6, 1, 12, tzinfo=UTC)
MAY = Period("2013-05")


def figure(name: str, value: float, **more: Any) -> Figure:
    return Figure(usecase="u", release="r0001", period=MAY, name=name, value=value, **more)


def state(**changes: Any) -> RolloutState:
    serving: dict[str, Any] = {
        "usecase": "u", "generation": 1, "champion": "r0001", "weights": {"r0001": 1.0}, "strategy": "canary",
        "reason": "first release",
    }  # fmt: skip
    return RolloutState(**{**serving, **changes})


def alert(severity: Severity, usecase: str = "u", asks: bool = False) -> FiringAlert:
    of = {"name": "A", "release": "", "summary": "it happened", "action": "look", "since": AT}
    return FiringAlert(usecase=usecase, severity=severity, asks=asks, **of)


def decision(word: Any) -> RetrainPlan:
    nothing = dict.fromkeys(("train_from", "train_to", "test_from", "test_to"))
    about: dict[str, Any] = {"cause": "a source sends zeros", "evidence": [], "action": "", "alerts": []}
    return RetrainPlan(usecase="u", name="d", decision=word, decided_at=AT, **about, **nothing)


def run(family: str) -> OpenWork:
    return OpenWork(runs=(OpenRun(usecase="u", family=family, run="r", since=AT),))


QUESTION = RequiredAction(
    usecase="u", family="retrain_evaluation", run="r", task="ask_people", map_index=-1, subject="Release 3?", since=AT
)
HOLD = Hold(by="olga", reason="holidays", since=AT, until=AT + timedelta(days=1))
LAPSED = Lease(seconds=1, given=steady.unknown(0))
CANARY = {"weights": {"r0001": 0.8, "r0002": 0.2}}
SHADOW = {"shadow": Shadowing(release="r0002", share=0.5)}
DAMAGED = Scrubbed(usecase="u", period=MAY, at=AT, kind="lake", files=3, damaged=["a file is gone"])
WELL = Facts(
    primary="roc_auc", drift_features=5, rollout=state(),
    figures={"roc_auc": figure("roc_auc", 0.7), "drifted_features": figure("drifted_features", 4)},
)  # fmt: skip


def found(**changes: Any) -> tuple[str, str, str]:
    first = findings(replace(WELL, **changes))[0]
    return first.state, first.why, first.words


def test_a_loop_serves_well_when_everything_is_known_and_nothing_speaks_against_it() -> None:
    assert [(one.state, one.why) for one in findings(WELL)] == [("serving_well", "judged")]


@pytest.mark.parametrize(("changes", "why", "words"), [
    ({"faults": ["usecase.yaml:3: unknown key"]}, "fault", "usecase.yaml:3: unknown key"),
    ({"alerts": [alert("repair")]}, "repair_alert", "it happened"),
    ({"alerts": [alert("repair", "", asks=True)]}, "platform_repair", "it happened"),
    ({"rollout": state(**CANARY, lease=LAPSED)}, "unwatched_split", "r0002"),
    ({"scrubs": [DAMAGED]}, "damaged_files", "a file is gone"),
    ({"scrubs": [DAMAGED], "rollout": None}, "damaged_files", "a file is gone"),
])  # fmt: skip
def test_what_does_not_work_is_broken(changes: dict[str, Any], why: str, words: str) -> None:
    assert found(**changes) == ("broken", why, words)


@pytest.mark.parametrize(("changes", "why", "words"), [
    ({"work": OpenWork(questions=(QUESTION,))}, "question", "Release 3?"),
    ({"work": OpenWork(questions=(QUESTION,)), "rollout": None}, "question", "Release 3?"),
    ({"decision": decision("fix_data")}, "fix_data", "a source sends zeros"),
    ({"rollout": state(outcome="interrupted", reason="a task died")}, "interrupted", "a task died"),
])  # fmt: skip
def test_what_waits_for_a_person_needs_you(changes: dict[str, Any], why: str, words: str) -> None:
    assert found(**changes) == ("needs_you", why, words)


@pytest.mark.parametrize(("changes", "why"), [
    ({"rollout": state(**CANARY)}, "split"), ({"rollout": state(**SHADOW)}, "shadow"),
    ({"work": run("deployment")}, "deploying"), ({"work": run("deployment"), "rollout": None}, "deploying"),
])  # fmt: skip
def test_a_release_on_its_way_is_rolling_out(changes: dict[str, Any], why: str) -> None:
    assert found(**changes)[:2] == ("rolling_out", why)


def test_of_a_rollout_the_share_of_the_new_release_is_said() -> None:
    shares = [findings(replace(WELL, rollout=state(**way)))[0].share for way in (CANARY, SHADOW)]
    assert shares == [0.2, 0.5]


@pytest.mark.parametrize("family", ["retrain_trigger", "training", "retrain_evaluation", "recalibration"])
def test_a_run_that_finds_the_next_model_is_deciding(family: str) -> None:
    assert found(work=run(family)) == ("deciding", "run", family)
    assert found(work=run(family), rollout=None)[0] == "deciding"


@pytest.mark.parametrize("family", ["data_pipeline", "monitoring", "catalog"])
def test_any_other_run_is_no_state(family: str) -> None:
    assert found(work=run(family))[0] == "serving_well"


def test_without_a_release_nothing_serves_whatever_else_is_not_known() -> None:
    bare = Facts(primary="roc_auc", drift_features=5, alerts=None, unread=True, work=OpenWork(unknown="away"))
    assert [(one.state, one.why) for one in findings(bare)] == [("nothing_serves", "no_release")]


@pytest.mark.parametrize(("changes", "why"), [
    ({"alerts": [alert("look")]}, "alert"), ({"alerts": [alert("retrain")]}, "alert"),
    ({"alerts": [alert("repair", "")]}, "platform_alert"),
    ({"alerts": [alert("look", "", asks=True)]}, "platform_alert"),
    ({"figures": {**WELL.figures, "breached": figure("breached", 1)}}, "breached"),
    ({"figures": {**WELL.figures, "drifted_features": figure("drifted_features", 5)}}, "drifted"),
    ({"rollout": state(outcome="aborted", reason="errors")}, "aborted"),
    ({"pause": HOLD}, "paused"), ({"silences": {"A": HOLD}}, "silenced"),
])  # fmt: skip
def test_what_asks_for_a_look_is_watching(changes: dict[str, Any], why: str) -> None:
    assert found(**changes)[:2] == ("watching", why)


@pytest.mark.parametrize(("changes", "why", "words"), [
    ({"alerts": None}, "alerts_unknown", ""), ({"work": OpenWork(unknown="away")}, "questions_unknown", "away"),
    ({"figures": {}}, "not_monitored", ""), ({"figures": {}, "unread": True}, "unread", ""),
    ({"figures": {"roc_auc": figure("roc_auc", 0.7, state="too few", note="9 rows")}}, "too_few", "9 rows"),
    ({"figures": {"roc_auc": figure("roc_auc", 0.7, state="provisional", note="half")}}, "too_few", "half"),
    ({"figures": {"not_measured": figure("not_measured", 9, note="no labels")}}, "too_few", "no labels"),
])  # fmt: skip
def test_what_is_not_known_is_not_judged_and_never_good(changes: dict[str, Any], why: str, words: str) -> None:
    assert found(**changes) == ("not_judged", why, words)


def test_the_state_of_the_loop_is_the_first_of_all_that_was_found() -> None:
    everything = replace(
        WELL, faults=["f"], alerts=[alert("look")], work=OpenWork(questions=(QUESTION,), runs=run("training").runs),
        rollout=state(**CANARY),
    )  # fmt: skip
    assert [one.state for one in findings(everything)] == [
        "broken", "needs_you", "rolling_out", "deciding", "watching",
    ]  # fmt: skip


def test_a_page_shows_every_state_and_what_needs_a_person_first() -> None:
    assert set(SHOWN) == set(STATES)
    assert SHOWN[:2] == ("broken", "needs_you")


def test_what_is_the_use_case_s_own_comes_before_an_alert_of_the_platform() -> None:
    shown = findings(replace(WELL, alerts=[alert("look", ""), alert("look")], pause=HOLD))
    assert [one.why for one in shown] == ["alert", "paused", "platform_alert"]
    broken = findings(replace(WELL, alerts=[alert("repair", "", asks=True), alert("repair")]))
    assert [one.why for one in broken][:2] == ["repair_alert", "platform_repair"]
