"""The page of a use case speaks its rhythm: one by days shows days, and a year of them as a range."""

from functools import partial
from typing import Any

import pytest

from include.contracts.period import Period
from include.specification.data import Periods
from include.specification.loader import load_usecase
from include.ui.links import Links
from include.ui.page import TEMPLATES

RHYTHMS = {
    "hour": ("2013-04-01T05Z", None), "day": ("2013-04-01", "Asia/Tokyo"), "week": ("2013-W14", "Asia/Tokyo"),
    "month": ("2013-04", "Asia/Tokyo"),
}  # fmt: skip


def shown(every: str, count: int) -> str:
    first, timezone = RHYTHMS[every]
    spec = load_usecase("flight_delay")
    periods = Periods.model_validate({"first": first, "schedule": "0 6 * * *", "timezone": timezone})
    published = [Period(first).shift(by) for by in range(count)]
    lists = ("figures", "verdicts", "decisions", "gates", "standing", "quarantine", "reconciliations", "releases")
    nothing: dict[str, Any] = {name: [] for name in lists}
    page = {
        "spec": spec.model_copy(update={"periods": periods}), "state": None, "published": published, "looked_back": 60,
        "in_mlflow": partial(str), **nothing,
    }  # fmt: skip
    return TEMPLATES.get_template("loop.html").render(loop_=page, links=Links("/moebius"))


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
