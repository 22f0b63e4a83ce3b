"""A cell of the drift map says whether its figure is judged, and how it stands to the limit."""

from typing import Any

import pytest

from include.contracts.operations import Figure
from include.contracts.period import Period
from include.operations.overview import drift_map


def psi(value: float, feature: str = "temp", period: str = "2013-04", release: str = "r1", **more: Any) -> Figure:
    name = "psi" if feature else "prediction_psi"
    about = {"usecase": "u", "release": release, "period": Period(period), "name": name, "subject": feature}
    return Figure(**about, value=value, **more)


@pytest.mark.parametrize(("figure", "state"), [
    (psi(0.1), "within"), (psi(0.2), "near"), (psi(0.3), "beyond"), (psi(2.0), "far beyond"),
    (psi(0.3, floor=0.4), "chance"), (psi(9, state="too few"), "not judged"), (psi(0, state="constant"), "not judged"),
])  # fmt: skip
def test_what_is_not_judged_is_never_good(figure: Figure, state: str) -> None:
    assert drift_map.state(figure, 0.25) == state


def test_cells_are_of_the_main_release_and_ordered_by_drift() -> None:
    figures = [
        psi(0.1, "a"), psi(0.5, "b"), psi(0.2, "c"), psi(9, "a", release="r2"), psi(0.01, ""), psi(3, "c", "2013-05"),
        psi(0.1, "b", "2013-05"),
    ]  # fmt: skip
    cells = drift_map.cells(figures, {Period("2013-04"): "r1", Period("2013-05"): "r1"}, 0.25)
    assert len(cells) == 6
    assert drift_map.ordered(cells) == ["", "c", "b", "a"]
    assert [cell.feature for cell in drift_map.drifted(cells)] == ["c", "b"]
