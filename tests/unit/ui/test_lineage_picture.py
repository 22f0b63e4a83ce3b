"""A lineage picture can be read from left to right: nothing overlaps, no line runs through a box."""

import re

import pytest

from include.ui.charts.lineage import HEIGHT, WIDTH, draw
from tests.unit.catalog.catalog_records import catalog


@pytest.mark.parametrize(
    "identity", ["model/1", "table/events", "source/weather/precip", "table/events/event_timestamp"]
)
def test_what_is_made_stands_right_of_what_it_was_made_from(identity: str) -> None:
    near = catalog().lineage(identity)
    picture = draw(near, identity)
    at = {b.entry.id: b for b in picture.boxes}
    assert set(at) == {e.id for e in near.entries}
    assert all(at[e.source].x < at[e.target].x for e in near.edges)
    assert len({(b.x, b.y) for b in picture.boxes}) == len(picture.boxes), "two boxes on one place"
    assert max(b.x for b in picture.boxes) + WIDTH < picture.width
    assert max(b.y for b in picture.boxes) + HEIGHT < picture.height
    assert [b.entry.id for b in picture.boxes if b.here] == [identity]


def test_a_long_line_passes_between_the_boxes() -> None:
    near = catalog().lineage("model/1")  # events lead to the dataset past the feature views
    picture = draw(near, "model/1")
    corners = {(b.x, b.y + HEIGHT // 2) for b in picture.boxes}
    for line in picture.lines:
        inner = [(int(x), int(y)) for x, y in re.findall(r" (\d+),(\d+) H", line.path)]
        assert not corners & set(inner), f"{line.path} runs through a box"
    assert any(" H" in line.path for line in picture.lines)


def test_an_entry_that_nothing_leads_to_is_one_box() -> None:
    picture = draw(catalog().lineage("table/planes/period"), "table/planes/period")
    assert (len(picture.boxes), picture.lines) == (1, [])
