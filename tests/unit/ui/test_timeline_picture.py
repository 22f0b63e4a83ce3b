"""The picture of a use case, as data: one axis, limits, what is not judged, words for every mark, and its size."""

import json
from typing import Any

import pytest

from include.contracts.period import Period
from include.operations.overview import drift_map, history, timeline
from include.operations.overview.plan_outcome import Outcome
from include.operations.overview.timeline import Happening
from include.specification.loader import load_usecase
from include.ui.charts import lanes, metric_history
from include.ui.charts import timeline as charts
from include.ui.charts.gains import gains
from include.ui.charts.stacked import Axis, Content
from include.ui.charts.style import SAID
from tests.unit.operations.overview.test_plan_outcome import PROVED, gain, verdict
from tests.unit.operations.overview.test_timeline import REPLAYED, SPEC, WINDOWS, figure, plan


def same(text: str) -> str:
    return text


def content(windows: list[Period], features: int = 3, **changed: Any) -> Content:
    """Of one release, with a loss in the newest window."""
    figures = []
    for window in windows:
        loss = 0.09 if window == windows[-1] else 0.0
        figures += [
            figure("rows", window, 9), figure("roc_auc", window, 0.7 - loss, low=0.6, high=0.75, n=9),
            figure("performance_loss", window, loss), figure("breached", window, float(loss > 0)),
            figure("labelled", window, 8), figure("unmatched", window, 1), figure("not_due", window, 1),
            *(figure("psi", window, number / 10, subject=f"f{number:02d}") for number in range(features)),
        ]  # fmt: skip
    rows = [row | {"worth": timeline.worth(SPEC, row)} for row in history.rows(SPEC, figures)]
    main = timeline.main_releases(figures)
    made: dict[str, Any] = {
        "metric": "roc_auc", "direction": 1, "limit": 0.6, "drift_limit": 0.25, "windows": windows, "rows": rows,
        "spans": timeline.spans(windows, main), "happened": [], "cells": drift_map.cells(figures, main, 0.25),
        "labels": timeline.label_counts(figures),
    }  # fmt: skip
    return Content(**made | changed)


def drawn(panel: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of marks that say something."""
    return [row for one in panel["layer"] if "description" in one["encoding"] for row in one["data"]["values"]]


def days(count: int) -> list[Period]:
    return [Period("2013-04-01").shift(by) for by in range(count)]


@pytest.mark.parametrize("windows", [WINDOWS[:1], WINDOWS, days(60)], ids=["one", "four", "sixty"])
@pytest.mark.parametrize("width", [340, 1000])
def test_every_panel_has_the_same_windows_and_every_mark_its_words(windows: list[Period], width: int) -> None:
    picture = charts.timeline(content(windows, features=40), same, width)
    shown = windows[-charts.NEWEST :] if width < charts.WIDE else windows
    axes = [
        one["encoding"]["x"]["scale"]["domain"]
        for panel in picture["vconcat"]
        for one in panel["layer"]
        if "x" in one["encoding"]
    ]
    assert len(picture["vconcat"]) == 4
    assert all(axis == shown for axis in axes)
    assert {panel["width"] for panel in picture["vconcat"]} == {picture["vconcat"][0]["width"]}
    rows = [row for panel in picture["vconcat"] for row in drawn(panel)]
    assert all(row[SAID] for row in rows)
    assert len(rows) <= (4 + charts.FEATURES) * len(shown)
    json.dumps(picture)


def test_only_the_lowest_panel_names_windows_and_the_newest_is_named() -> None:
    picture = charts.timeline(content(days(60)), same, 1000)
    named = [
        {json.dumps(one["encoding"]["x"]["axis"]) for one in panel["layer"] if "x" in one["encoding"]}
        for panel in picture["vconcat"]
    ]
    assert named[:-1] == [{"null"}] * 3
    [axis] = map(json.loads, named[-1])
    assert axis["values"][0] == days(60)[-1]
    assert len(axis["values"]) < 12


def test_without_labels_or_drift_there_is_no_panel_of_them() -> None:
    assert len(charts.timeline(content(WINDOWS, cells=[], labels={}), same, 1000)["vconcat"]) == 2


def test_a_breach_has_a_shape_and_words_of_its_own() -> None:
    panel = charts.timeline(content(WINDOWS), same, 1000)["vconcat"][0]
    *_, before, newest = drawn(panel)
    assert (before["shape"], newest["shape"]) == ("circle", "square")
    assert "surely beyond the limit" in newest[SAID]
    assert "worse than on the test set of its release; limit 0.67" in newest[SAID]
    assert panel["title"]["text"] == "roc_auc: higher is better"
    lower = charts.timeline(content(WINDOWS, direction=-1), same, 1000)["vconcat"][0]
    assert lower["title"]["text"] == "roc_auc: lower is better"


def test_what_a_replaced_release_would_have_scored_is_dim_and_said_so() -> None:
    figures = [figure("counterfactual_roc_auc", "2013-04", 0.66, low=0.6, high=0.7, n=5)]
    [row] = history.rows(SPEC, figures)
    shown = content(WINDOWS, rows=[row | {"worth": timeline.worth(SPEC, row)}])
    [mark] = drawn(charts.timeline(shown, same, 1000)["vconcat"][0])
    assert mark["fill"] == "var(--page)"
    assert "r0001, which is replaced, would have reached roc_auc 0.66" in mark[SAID]
    assert metric_history.WORDS["no limit"] not in mark[SAID]


def test_what_is_not_judged_has_a_grey_cross_and_no_colour() -> None:
    unjudged = figure("psi", "2013-04", 9, subject="temp", state="too few", note="needs 10 days, has 4")
    cells = drift_map.cells([unjudged], {Period("2013-04"): "r0001"}, 0.25)
    [mark] = drawn(charts.timeline(content(WINDOWS, cells=cells), same, 1000)["vconcat"][2])
    assert (mark["colour"], mark["shape"], mark["line"]) == ("", "cross", "var(--neutral)")
    assert "needs 10 days, has 4" in mark[SAID]


def test_of_several_things_in_a_window_the_most_serious_is_drawn_and_all_are_said() -> None:
    about = (Period("2013-05"), "alert")
    alerts = [
        Happening(*about, kind, name, "words", REPLAYED) for kind, name in (("look", "Drift"), ("retrain", "Loss"))
    ]
    panel = charts.timeline(content(WINDOWS, happened=alerts), same, 1000)["vconcat"][1]
    [mark] = [row for row in drawn(panel) if row["lane"] == "Alerts"]
    assert mark["shape"] == "triangle-up"
    assert mark[SAID].startswith(
        "2013-05:\nasks for a retrain, Loss (2026-11-29 02:00 UTC): words\nasks to look, Drift"
    )
    many = [Happening(*about, "look", f"A{number}", "words") for number in range(5)]
    panel = charts.timeline(content(WINDOWS, happened=many), same, 1000)["vconcat"][1]
    assert any("and 2 more" in row[SAID] for row in drawn(panel))


def test_every_kind_of_thing_has_a_word_and_a_shape() -> None:
    kinds = {(timeline.ROLLOUT[name], name) for name in timeline.ROLLOUT}
    assert kinds <= set(lanes.KINDS)
    for lane in ("release", "alert", "decision", "incident"):
        looks = [(sign.shape, sign.colour) for sign in lanes.signs()[lane]]
        assert len({shape for shape, _ in looks}) >= len(looks) - 1


@pytest.mark.parametrize("usecase", ["flight_delay", "digit_image", "weather_forecast", "aircraft_segment"])
def test_every_task_family_has_a_picture(usecase: str) -> None:
    spec = load_usecase(usecase)
    about = {"usecase": spec.name, "release": "r0001", "period": Period("2013-04")}
    made = [figure(name, "2013-04", 0.5).model_copy(update=about) for name in ("rows", spec.metrics.primary)]
    rows = [row | {"worth": timeline.worth(spec, row)} for row in history.rows(spec, made)]
    shown = content(WINDOWS[:1], metric=spec.metrics.primary, limit=None, rows=rows, labels={})
    [point] = drawn(charts.timeline(shown, same, 1000)["vconcat"][0])
    assert "not held against a limit" in point[SAID]


def test_a_proved_gain_stands_beside_the_realised_one() -> None:
    outcome = Outcome(plan("2013-04", "retrain", REPLAYED), verdict(3, 1), "r0002", PROVED, [gain(0.01, -0.02, 0.04)])
    picture = gains([outcome], 0.01, same, 1000)
    proved, realised = drawn(picture)
    assert (proved["value"], realised["value"]) == (0.04, 0.01)
    assert (proved["shape"], realised["shape"]) == ("diamond", "circle")
    assert "[+0.0200, +0.0600], n 900" in proved[SAID]
    assert drawn(gains([Outcome(outcome.plan)], 0.01, same, 340)) == []


def test_of_two_releases_in_one_window_the_one_that_answered_most_is_covered_by_none() -> None:
    figures = [
        figure(name, window, value, n=9, release=release)
        for release, window, share in (("r0001", WINDOWS[0], 9), ("r0001", WINDOWS[1], 1), ("r0002", WINDOWS[1], 8))
        for name, value in (("rows", share), ("roc_auc", 0.7), ("performance_loss", 0.0), ("breached", 0.0))
    ]
    rows = [row | {"worth": timeline.worth(SPEC, row)} for row in history.rows(SPEC, figures)]
    spans = timeline.spans(WINDOWS[:2], timeline.main_releases(figures))
    panel = metric_history.metric_history(
        content(WINDOWS[:2], rows=rows, spans=spans), Axis(tuple(WINDOWS[:2]), 600, 90), same
    )
    places = {
        (row["release"], row["at"]): one["mark"]["xOffset"]
        for one in panel["layer"]
        if "description" in one["encoding"]
        for row in one["data"]["values"]
    }
    assert places[("r0002", WINDOWS[1])] == places[("r0001", WINDOWS[0])] == 0
    assert places[("r0001", WINDOWS[1])] < 0
    assert panel["layer"][-1]["mark"]["xOffset"] == 0, "it is drawn last"
