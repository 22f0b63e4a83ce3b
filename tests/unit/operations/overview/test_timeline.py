"""One axis for windows and events: live, where both are the same time, and replayed, where data is of years ago."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.contracts.deployment import LostAnswers, RolloutEvent
from include.contracts.operations import Alert, Figure, RetrainPlan
from include.contracts.period import Period
from include.contracts.quality import CheckRecord
from include.operations.overview import history, timeline
from include.specification.loader import load_usecase

SPEC = load_usecase("flight_delay")
WINDOWS = [Period("2013-04").shift(by) for by in range(4)]
REPLAYED = datetime(2026, 11, 29, 2, tzinfo=UTC)


def figure(name: str, period: str, value: float, release: str = "r0001", **more: Any) -> Figure:
    return Figure(usecase=SPEC.name, release=release, period=Period(period), name=name, value=value, **more)


def event(what: str, release: str, at: datetime, champion: str = "") -> RolloutEvent:
    return RolloutEvent(
        usecase=SPEC.name, at=at, rollout="run", generation=1, event=what, champion=champion or release,
        release=release, share=1, by="ada", reason="because",
    )  # fmt: skip


def plan(window: str, decision: str, at: datetime, *alerts: Alert) -> RetrainPlan:
    return RetrainPlan(
        usecase=SPEC.name, name=f"{window}-{decision}-0123abcd", decision=decision, cause="staleness", evidence=[],
        action="a", train_from=None, train_to=None, test_from=None, test_to=None, alerts=list(alerts), decided_at=at,
    )  # fmt: skip


def alert(name: str, period: str, severity: str = "look") -> Alert:
    return Alert(
        name=name, usecase=SPEC.name, severity=severity, release="r0001", period=period, value=1, summary="drift"
    )


@pytest.mark.parametrize(("measured", "count", "shown"), [
    ([], 3, []), (["2013-04"], 3, ["2013-04"]),
    (["2013-01", "2013-04"], 9, ["2013-01", "2013-02", "2013-03", "2013-04"]),
    (["2013-01", "2013-02", "2013-03"], 2, ["2013-02", "2013-03"]),
    (["2013-04-01T22Z", "2013-04-02T00Z"], 60, ["2013-04-01T22Z", "2013-04-01T23Z", "2013-04-02T00Z"]),
])  # fmt: skip
def test_the_axis_has_the_newest_windows_and_the_gaps_between_them(
    measured: list[str], count: int, shown: list[str]
) -> None:
    assert timeline.axis(map(Period, measured), count) == shown


def test_a_live_event_is_at_the_window_of_its_own_time() -> None:
    clock = timeline.Clock(SPEC, WINDOWS)
    assert clock.window(datetime(2013, 5, 9, tzinfo=UTC)) == "2013-05"
    assert clock.window(datetime(2013, 8, 9, tzinfo=UTC)) == "2013-07", "just after the newest window"
    assert clock.window(datetime(2013, 1, 9, tzinfo=UTC)) is None
    assert timeline.Clock(SPEC, []).window(datetime(2013, 5, 9, tzinfo=UTC)) is None


def test_a_replayed_event_is_at_the_newest_window_that_was_decided_on_before_it() -> None:
    hours = [REPLAYED + timedelta(hours=by) for by in range(6)]
    figures = [figure("rows", window, 9) for window in WINDOWS] + [figure("rows", "2013-07", 9, "r0002")]
    decisions = [plan("2013-05", "keep", hours[1]), plan("2013-06", "retrain", hours[2])]
    events = [event("promoted", "r0001", hours[0]), event("promoted", "r0002", hours[3])]
    clock = timeline.clock(SPEC, WINDOWS, figures, decisions, events)
    placed = {one.subject: one.period for one in timeline.of_rollouts(clock, events)}
    assert placed == {"r0001": "2013-04", "r0002": "2013-07"}, "a release begins with the first window it answered in"
    assert clock.window(hours[2] + timedelta(minutes=1)) == "2013-06"
    assert clock.window(hours[0] - timedelta(days=1)) is None
    cut = timeline.clock(SPEC, WINDOWS, figures, decisions, events, cut=True)
    assert [one.subject for one in timeline.of_rollouts(cut, events)] == ["r0002"], "r0001 may have begun before"


def test_a_window_belongs_to_the_release_that_answered_most_of_it() -> None:
    figures = [
        figure("rows", "2013-04", 10), figure("rows", "2013-05", 3), figure("rows", "2013-05", 7, "r0002"),
        figure("rows", "2013-07", 5, "r0002"), figure("rows", "2013-06", 0),
    ]  # fmt: skip
    main = timeline.main_releases(figures)
    assert main == {"2013-04": "r0001", "2013-05": "r0002", "2013-07": "r0002"}
    assert timeline.spans(WINDOWS, main) == [
        ("r0001", "2013-04", "2013-04"), ("r0002", "2013-05", "2013-05"), ("r0002", "2013-07", "2013-07")
    ]  # fmt: skip


def test_labels_are_counted_over_all_releases() -> None:
    figures = [
        figure("labelled", "2013-04", 8), figure("unmatched", "2013-04", 1), figure("labelled", "2013-04", 2, "r0002"),
        figure("not_due", "2013-05", 0),
    ]  # fmt: skip
    assert timeline.label_counts(figures) == {"2013-04": {"labelled": 10, "unmatched": 1, "not_due": 0}}


@pytest.mark.parametrize(("loss", "breached", "state", "worth"), [
    (0.01, 0, "judged", "within"), (0.04, 0, "judged", "beyond"), (0.09, 1, "judged", "breached"),
    (0.09, 1, "provisional", "provisional"), (0.09, 0, "too few", "too few"), (None, 0, "judged", "no limit"),
])  # fmt: skip
def test_a_window_is_worth_what_its_figures_say(loss: float | None, breached: int, state: str, worth: str) -> None:
    figures = [figure("roc_auc", "2013-04", 0.7, state=state), figure("breached", "2013-04", breached)]
    figures += [] if loss is None else [figure("performance_loss", "2013-04", loss)]
    [row] = history.rows(SPEC, figures)
    assert timeline.worth(SPEC, row) == worth
    assert row["limit"] == (None if loss is None else pytest.approx(0.7 + loss - 0.03))


def test_the_limit_of_an_error_is_above_it() -> None:
    spec = load_usecase("weather_forecast")
    about = {"usecase": spec.name, "release": "r0001", "period": Period("2013-04-01")}
    figures = [Figure(**about, name="mae", value=5.0), Figure(**about, name="performance_loss", value=1.0)]
    [row] = history.rows(spec, figures)
    assert row["limit"] == pytest.approx(5.0 - 1.0 + spec.monitoring.performance_loss)


def test_alerts_of_decisions_are_said_once() -> None:
    repeated = [plan("2013-05", "keep", REPLAYED, alert("Drift", "2013-05")) for _ in range(2)]
    found = timeline.of_decisions([*repeated, plan("2013-06", "fix_data", REPLAYED, alert("Labels", "", "repair"))])
    assert sorted((one.lane, one.kind, one.period) for one in found) == [
        ("alert", "look", "2013-05"), ("alert", "repair", "2013-06"), ("decision", "fix_data", "2013-06"),
        ("decision", "keep", "2013-05"),
    ]  # fmt: skip


def test_refusals_and_lost_answers_are_incidents_of_their_periods() -> None:
    about = {"gate": "raw", "run": "r", "evaluation": "e", "position": 0, "table": "flights", "severity": "block"}
    check = CheckRecord(
        **about, period=Period("2013-05"), expectation="not_null", column="carrier", rows=9, unexpected=2,
        evaluated_at=REPLAYED,
    )  # fmt: skip
    [refused] = timeline.of_refusals([check, check])
    assert (refused.period, refused.kind, refused.words) == ("2013-05", "refused", "flights.carrier not_null")
    begin = SPEC.calendar.start(Period("2013-06"))
    lost = LostAnswers(
        period=Period("2013-06"), release="r0001", rows=5, since=REPLAYED, until=REPLAYED, reason="disk full",
        source="s", hours={int(begin.timestamp()): 3, int(begin.timestamp()) + 3600: 2},
    )  # fmt: skip
    assert [(one.period, one.words) for one in timeline.of_losses(SPEC, WINDOWS, [lost])] == [
        ("2013-06", "5: disk full")
    ]
    assert timeline.of_losses(SPEC, WINDOWS[:1], [lost]) == []
