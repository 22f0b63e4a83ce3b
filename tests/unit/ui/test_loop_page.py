"""The page of a use case speaks its rhythm: one by days shows days, and a year of them as a range."""

from functools import partial
from typing import Any

import pytest

from include.contracts.operations import Figure, SliceFigure
from include.contracts.period import Period
from include.operations import history
from include.specification.data import Periods
from include.specification.loader import load_usecase
from tests.unit.ui.rendering import render

RHYTHMS = {
    "hour": ("2013-04-01T05Z", None), "day": ("2013-04-01", "Asia/Tokyo"), "week": ("2013-W14", "Asia/Tokyo"),
    "month": ("2013-04", "Asia/Tokyo"),
}  # fmt: skip


def shown(every: str, count: int, **more: Any) -> str:
    first, timezone = RHYTHMS[every]
    spec = load_usecase("flight_delay")
    periods = Periods.model_validate({"first": first, "schedule": "0 6 * * *", "timezone": timezone})
    published = [Period(first).shift(by) for by in range(count)]
    lists = (
        "figures",
        "verdicts",
        "decisions",
        "gates",
        "standing",
        "quarantine",
        "reconciliations",
        "releases",
        "slices",
        "unmeasured",
    )
    nothing: dict[str, Any] = {name: [] for name in lists if name not in more}
    page = {
        "spec": spec.model_copy(update={"periods": periods}), "state": None, "published": published, "looked_back": 60,
        "in_mlflow": partial(str), **nothing, **more,
    }  # fmt: skip
    return render("loop.html", page["spec"], loop_=page)


@pytest.mark.parametrize("every", RHYTHMS)
def test_a_page_names_its_own_rhythm_and_no_other(every: str) -> None:
    page = shown(every, 3)
    first = Period(RHYTHMS[every][0])
    assert f"Published {every}s: 3 ({first}..{first.shift(2)})" in page
    assert f"<th>{every.capitalize()}</th>" in page
    assert f"no {every} has been monitored yet" in page
    for other in set(RHYTHMS) - {every}:
        assert f"<th>{other.capitalize()}</th>" not in page
        assert f"{other}s:" not in page


@pytest.mark.parametrize(("every", "text"), [
    ("hour", "2013-04-01T05Z..2013-05-08T05Z (889 hours)"), ("day", "2013-04-01..2013-05-08 (38 days)"),
    ("week", "2013-W14..2013-W19 (6 weeks)"), ("month", "2013-04..2013-05 (2 months)"),
])  # fmt: skip
def test_a_loop_without_a_release_says_how_much_data_its_first_training_needs(every: str, text: str) -> None:
    assert f" for {text} or more, then" in shown(every, 0)


def test_a_year_of_hours_takes_no_more_room_than_three() -> None:
    assert len(shown("hour", 8_760)) < len(shown("hour", 3)) + 20


def test_the_slices_of_the_newest_window_are_a_table_that_says_what_each_is_worth() -> None:
    spec = load_usecase("flight_delay")
    about = {"usecase": spec.name, "release": "r0001", "period": Period("2013-05"), "slice_key": "origin"}
    figures = [
        SliceFigure(**about, slice_value="JFK", name="rows", value=900, n=900),
        SliceFigure(**about, slice_value="JFK", name="roc_auc", value=0.71, low=0.68, high=0.74, n=900),
        SliceFigure(**about, slice_value="JFK", name="drifted_features", value=1, n=900, note="distance"),
        SliceFigure(**about, slice_value="unseen", name="rows", value=40, n=40, state="too few"),
        SliceFigure(
            **about, slice_value="unseen", name="not_measured", subject="roc_auc", value=38, n=38, state="too few",
            note="needs 300 rows with labels, has 38",
        ),
        SliceFigure(**about, slice_value="missing", name="rows", value=2, n=2, state="too few"),
    ]  # fmt: skip
    page = shown("month", 3, slices=history.slice_rows(spec, figures))
    for text in (
        "origin = JFK", "0.680 to 0.740", "<td>distance</td>", "too few: needs 300 rows with labels, has 38",
        "no labels yet",
    ):  # fmt: skip
        assert text in page
    assert "Quality by slice" not in shown("month", 3)


def test_a_metric_of_few_days_says_so_and_what_its_rows_are_worth() -> None:
    spec = load_usecase("flight_delay")
    figure = Figure(
        usecase=spec.name, release="r0001", period=Period("2013-05"), name="roc_auc", value=0.71, low=0.68, high=0.74,
        n=900, effective_n=120, state="too few", note="needs 10 hours, has 4",
    )  # fmt: skip
    page = shown("month", 3, figures=history.rows(spec, [figure]))
    assert "too few: needs 10 hours, has 4" in page
    assert "(as 120 independent ones)" in page
    plain = figure.model_copy(update={"effective_n": 900, "state": "judged", "note": ""})
    assert "independent" not in shown("month", 3, figures=history.rows(spec, [plain]))


def test_a_window_without_the_metric_says_why() -> None:
    spec = load_usecase("flight_delay")
    figures = [
        Figure(
            usecase=spec.name, release="r0001", period=Period("2013-05"), name="not_measured", subject=metric, value=7,
            n=7, state="too few", note="needs 20 labelled rows, has 7",
        )
        for metric in spec.metrics.names
    ]  # fmt: skip
    page = shown("month", 3, unmeasured=history.unmeasured(spec, figures))
    assert page.count("is not measured: needs 20 labelled rows, has 7") == 1
    assert "2013-05, r0001: roc_auc is not measured" in page
