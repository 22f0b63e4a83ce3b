"""Windows of a card: quality against its limit, drift, traffic; and the newest incident."""

from datetime import UTC, datetime
from typing import Any

import pytest

from include.contracts.deployment import RolloutEvent
from include.contracts.operations import Figure, FiringAlert
from include.contracts.period import Period
from include.contracts.scrub import Scrubbed
from include.operations.overview import incidents, loop_figures
from include.specification.loader import load_usecase

SPEC = load_usecase("flight_delay")
PRIMARY, MAY, JUNE = "roc_auc", Period("2013-05"), Period("2013-06")


def figure(period: Period, name: str, value: float, release: str = "r0001", **more: Any) -> Figure:
    return Figure(usecase=SPEC.name, release=release, period=period, name=name, value=value, **more)


def window(period: Period, release: str, rows: int, value: float, loss: float, **more: Any) -> list[Figure]:
    values = {"rows": rows, PRIMARY: value, "performance_loss": loss, "breached": 0, "drifted_features": 3}
    return [figure(period, name, of, release, **more) for name, of in values.items()]


def test_the_limit_is_the_baseline_less_what_may_be_lost() -> None:
    (point,) = loop_figures.points(SPEC, window(MAY, "r0001", 9, 0.70, 0.02))
    assert point.limit == pytest.approx(0.70 + 0.02 - SPEC.monitoring.performance_loss)
    less_is_better = SPEC.model_copy(update={"metrics": SPEC.metrics.model_copy(update={"primary": "brier"})})
    figures = [figure(MAY, "rows", 9), figure(MAY, "brier", 0.20), figure(MAY, "performance_loss", 0.02)]
    (other,) = loop_figures.points(less_is_better, figures)
    assert other.limit == pytest.approx(0.20 - 0.02 + SPEC.monitoring.performance_loss)


def test_a_window_is_that_of_the_release_which_answered_most_and_has_the_rows_of_all() -> None:
    figures = [
        *window(JUNE, "r0002", 900, 0.75, 0.0), *window(JUNE, "r0001", 100, 0.65, 0.1),
        *window(MAY, "r0001", 500, 0.70, 0.0), figure(JUNE, "counterfactual_roc_auc", 0.6, "r0000"),
    ]  # fmt: skip
    may, june = loop_figures.points(SPEC, figures)
    assert (may.period, may.release, dict(may.rows)) == (MAY, "r0001", {"r0001": 500})
    assert (june.release, dict(june.rows)) == ("r0002", {"r0001": 100, "r0002": 900})
    assert june.metric
    assert june.metric.value == 0.75


def test_a_window_without_labels_has_drift_and_no_limit() -> None:
    (point,) = loop_figures.points(SPEC, [figure(MAY, "rows", 9), figure(MAY, "drifted_features", 2)])
    assert (point.metric, point.limit, point.breached) == (None, None, False)
    assert loop_figures.current_limit([point]) is None
    assert loop_figures.points(SPEC, []) == []


def test_quality_is_of_the_newest_window_that_is_judged_and_drift_of_the_newest() -> None:
    later = window(JUNE, "r0001", 9, 0.60, 0.1, state="provisional")
    newest = loop_figures.newest(SPEC, [*window(MAY, "r0001", 9, 0.70, 0.0), *later], "r0001")
    assert newest[PRIMARY].period == MAY
    assert newest["drifted_features"].period == JUNE
    assert loop_figures.newest(SPEC, later, "r0001")[PRIMARY].state == "provisional"
    assert loop_figures.newest(SPEC, later, "r0009") == {}


def event(kind: Any, day: int) -> RolloutEvent:
    at = datetime(2013, 6, day, tzinfo=UTC)
    about: dict[str, Any] = {"usecase": SPEC.name, "rollout": "d", "generation": 2, "champion": "r0001", "by": "olga"}
    return RolloutEvent(at=at, event=kind, release="r0002", share=0.2, reason="p99 rose", **about)


def scrubbed(day: int, *damaged: str) -> Scrubbed:
    at = datetime(2013, 6, day, tzinfo=UTC)
    return Scrubbed(usecase=SPEC.name, period=JUNE, at=at, kind="lake", files=3, damaged=[*damaged])


def firing(day: int) -> FiringAlert:
    since = datetime(2013, 6, day, tzinfo=UTC)
    of: dict[str, Any] = {"usecase": SPEC.name, "release": "", "action": "", "asks": False}
    return FiringAlert(name="A", severity="look", summary="drift", since=since, **of)


def test_the_last_incident_is_the_newest_of_whatever_kind() -> None:
    assert incidents.last([], [], []) is None
    assert incidents.last([event("promoted", 9)], [scrubbed(9)], []) is None, "neither is an incident"
    newest = incidents.last([event("aborted", 3), event("rolled_back", 2)], [scrubbed(1, "gone")], [])
    assert newest
    assert (newest.kind, newest.words) == ("aborted", "r0002: p99 rose")
    damaged = incidents.last([event("aborted", 3)], [scrubbed(4, "gone")], [firing(2)])
    assert damaged
    assert damaged.kind == "damaged"
    assert incidents.last([event("aborted", 3)], [], [firing(5)]) == ("alert", firing(5).since, "A")
