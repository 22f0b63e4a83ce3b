"""Axes of times show a clock of 24 hours, in UTC."""

from typing import Any

from include.settings import ROOT
from include.ui.charts import approvals, monitoring


def axes(drawn: Any) -> list[dict[str, Any]]:
    inside = drawn.values() if isinstance(drawn, dict) else drawn if isinstance(drawn, list) else []
    mine = [drawn["axis"]] if isinstance(drawn, dict) and drawn.get("type") == "temporal" else []
    return mine + [axis for part in inside for axis in axes(part)]


def test_an_axis_of_times_has_a_clock_of_24_hours() -> None:
    at = {"at": "2026-01-02T13:30:00+00:00", "version": 1, "kind": "judged", "loss": 0.1, "said": "s"}
    found = [*axes(approvals.record([at], approvals.KINDS, 340)), *axes(monitoring.losses([at], 340))]
    assert len(found) >= 2
    assert {(axis["title"], axis["format"]["hours"], axis["format"]["minutes"]) for axis in found} == {
        ("UTC", "%H:%M", "%H:%M")
    }
    for file in (ROOT / "include" / "ui" / "charts").glob("*.py"):
        assert "%I" not in (text := file.read_text())
        assert '"temporal"' not in text or "format" in text, f"{file.name}: its times have no format of ours"
