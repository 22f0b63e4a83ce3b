"""Pictures are drawn by a process of their own: SVG that follows the theme, and a process that may die."""

import json
import sys
from collections.abc import Iterator

import pytest

from include.errors import ServiceError
from include.ui.charts import drawing as drawings
from include.ui.charts.drawing import Drawing
from include.ui.charts.sparkline import sparkline
from include.ui.charts.timeline import timeline
from tests.unit.operations.overview.test_timeline import WINDOWS
from tests.unit.ui.test_timeline_picture import content
from tests.waiting import wait_until

pytestmark = pytest.mark.integration
POINTS = [
    {"at": "2013-04", "value": 0.64, "said": '<b>"April"</b>: .64'},
    {"at": "2013-05", "value": 0.7, "said": "May"},
]
LINE = json.dumps(sparkline(POINTS, 0.65))


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Drawing]:
    monkeypatch.setattr(drawings, "SECONDS", 300.0)  # the first picture waits for the start of the process
    drawing = Drawing()
    yield drawing
    drawing.close()


def test_a_picture_has_the_colours_of_the_theme_and_the_words_of_its_points(drawing: Drawing) -> None:
    svg = drawing.svg(LINE)
    assert svg.startswith("<svg")
    assert "var(--series-1)" in svg
    assert 'aria-label="May"' in svg
    assert "<b>" not in svg, "a text of the data is not markup"
    assert "container" not in svg


def test_the_loop_of_a_use_case_can_be_drawn_wide_and_narrow(drawing: Drawing) -> None:
    for width in (1000, 340):
        svg = drawing.svg(json.dumps(timeline(content(WINDOWS), str, width)))
        assert svg.count("roc_auc 0.7") == len(WINDOWS) - 1
        assert "NaN" not in svg


def test_what_cannot_be_drawn_is_named_and_the_next_picture_is_drawn(drawing: Drawing) -> None:
    with pytest.raises(ServiceError, match=r"a picture cannot be drawn: .*Cannot read properties"):
        drawing.svg('{"mark": "nonsense"}')
    with pytest.raises(ServiceError, match="External data url not allowed"):
        drawing.svg('{"data": {"url": "http://127.0.0.1:9/x.csv"}, "mark": "point"}')
    assert drawing.svg(LINE)


def test_a_process_that_died_is_started_again() -> None:
    drawing = Drawing([sys.executable, "-c", "import sys; sys.stdin.readline()"])
    with pytest.raises(ServiceError, match="did not answer"):
        drawing.svg(LINE)
    with pytest.raises(ServiceError, match="did not answer"):
        drawing.svg(LINE)
    drawing.close()


def test_the_process_ends_with_whoever_started_it(drawing: Drawing) -> None:
    drawing.svg(LINE)
    process = drawing._process
    assert process
    assert process.stdin
    process.stdin.close()
    wait_until(lambda: process.poll() is not None, 60, "its end")
    assert process.returncode == 0
