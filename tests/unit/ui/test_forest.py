"""Figures with their intervals as a picture."""

from typing import Any

import vl_convert

from include.ui.charts import alone, forest

ROW: dict[str, Any] = {
    "label": "gain",
    "value": 0.05,
    "low": 0.03,
    "high": 0.07,
    "look": "good",
    "said": "gain",
    "limits": (0.0, 0.01),
}
GREY = {**ROW, "label": "grey", "look": "none", "low": None, "high": None, "limits": ()}


def test_everything_that_is_seen_is_within_the_scale() -> None:
    low, high = forest.domain([ROW, GREY])
    assert low < 0.0
    assert high > 0.07
    assert forest.domain([]) == (-0.08, 1.08)
    least, most = forest.domain([{"value": 0.0}])
    assert least < 0.0 < most


def test_a_picture_holds_every_row_and_says_it() -> None:
    drawn = forest.forest([ROW, GREY], 600, reference=0.0)
    assert [row["label"] for row in drawn["data"]["values"]] == ["gain", "grey"]
    svg = vl_convert.vegalite_to_svg(drawn)
    assert svg.count('aria-label="gain"') == 2, "once for each of its rows"
    assert svg.count("var(--good)") == 2, "the interval and the point"


def test_the_reference_is_within_the_scale_wherever_the_figures_are() -> None:
    drawn = forest.forest([{**ROW, "limits": ()}], 600, reference=0.0)
    least, _ = drawn["layer"][0]["encoding"]["x"]["scale"]["domain"]
    assert least < 0.0


def test_colour_is_never_alone() -> None:
    looks = list(forest.LOOKS.values())
    shapes = {name: shape for name, (_, shape) in forest.LOOKS.items()}
    assert len({shapes[name] for name in ("good", "watch", "act", "bad")}) == 4
    assert shapes["champion"] != shapes["candidate"]
    assert all(colour.startswith("var(--") for colour, _ in looks)


def test_a_picture_outside_of_the_pages_has_colours_of_its_own() -> None:
    drawn = alone.standing_alone(forest.bullet(ROW))
    assert "var(--" not in str(drawn)
    assert drawn["background"] == alone.light()["--page"]
