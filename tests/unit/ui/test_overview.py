"""The first page: its newest figure is of the release that serves, not of the one with the highest name."""

from typing import Any

import pytest

from include.contracts.period import Period
from include.deployment import rollout
from include.specification.loader import load_usecase
from tests.unit.ui.rendering import render

SPEC = load_usecase("flight_delay")
PUBLISHED = [Period("2013-W05"), Period("2013-W06"), Period("2013-W08")]
FIGURES = [
    {"period": "2013-W06", "release": "r0001", "served": True, "value": 0.61},
    {"period": "2013-W07", "release": "r0001", "served": False, "value": 0.62},
    {"period": "2013-W07", "release": "r0002", "served": True, "value": 0.72},
]


@pytest.mark.parametrize(("serving", "shown"), [("r0001", "0.610"), ("r0002", "0.720"), (None, "not monitored")])
def test_after_a_roll_back_the_newest_figure_is_of_what_serves(serving: str | None, shown: str) -> None:
    line: dict[str, Any] = {
        "spec": SPEC, "state": rollout.first(SPEC, serving) if serving else None, "published": PUBLISHED,
        "figures": FIGURES, "verdicts": [], "decisions": [],
    }  # fmt: skip
    page = render("overview.html", loops=[line], faults={})
    assert "2013-W05..2013-W06, 2013-W08" in page, "a gap is seen"
    assert serving is None or f"2013-W07: roc_auc {shown}" in page or f"2013-W06: roc_auc {shown}" in page
    assert {value for value in ("0.610", "0.620", "0.720", "not monitored") if value in page} == {shown}
