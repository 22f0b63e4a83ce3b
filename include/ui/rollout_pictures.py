"""The pictures of one rollout, with words for every mark."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from include.contracts.deployment import Judgement
from include.deployment.course import FIGURES, Course, Curves
from include.specification.usecase import UseCase
from include.ui.charts import rollout as charts
from include.ui.charts.style import SAID
from include.ui.language import marked
from include.ui.recorded_words import translated
from include.ui.view import View

TITLES = {
    "error_rate": marked("Failed requests"),
    "p99_ms": marked("Latency, p99"),
    "mean_answer": marked("Mean answer"),
}
FORMS = {"error_rate": ".1%", "p99_ms": ".4~g", "mean_answer": ".3~g"}
"""Numbers of the axes, as d3 writes them."""
EVENTS = {
    "shifted": marked("share given"), "shadowed": marked("copies given"), "judged": marked("judged"),
    "promoted": marked("promoted"), "kept": marked("champion kept"), "aborted": marked("aborted"),
    "interrupted": marked("interrupted"), "rolled_back": marked("rolled back"),
    "rolled_forward": marked("rolled forward"), "drilled": marked("rollback drill"), "ended": marked("service ended"),
}  # fmt: skip


class Figure(NamedTuple):
    """One figure of both arms: its picture, its limit in words, and how it stands."""

    title: str
    picture: Any
    limit: str
    level: str
    state: str
    rows: list[dict[str, Any]]


class Pictures:
    """Draws for one reader; ``curves`` is {} when Prometheus did not answer: what was judged is drawn all the same."""

    def __init__(self, spec: UseCase, view: View, course: Course, curves: Curves, now: datetime) -> None:
        self._spec, self._view, self._course, self._curves, self._now = spec, view, course, curves, now
        self._arms = list(dict.fromkeys((course.champion, course.challenger)))

    def traffic(self) -> Any:
        """Who got how much of the traffic when."""
        rows = [row for stretch in self._course.stretches(self._now) for row in self._parts(stretch)]
        judged = [
            {
                "at": _ms(one.at),
                "share": 1 - one.share / 5,
                "passed": found.passed,
                SAID: f"{one.at:%H:%M:%S} {translated(found.reason, self._view.text) or found.reason}",
            }
            for one, found in self._course.judged
        ]
        title = self._view.text("Share of the traffic")
        label = self._view.text("Traffic by arm over time")
        return self._view.picture(partial(charts.traffic, rows, judged, self._arms, title), label)

    def _parts(self, stretch: Any) -> Iterator[dict[str, Any]]:
        """The champion's part from below, the challenger's above it; copies take nothing from the champion."""
        of_challenger = 0.0 if stretch.copies else stretch.share
        first = self._course.champion == self._course.challenger
        parts = {self._course.champion: (0.0, 1.0 if first else 1 - of_challenger)}
        parts |= {} if first else {self._course.challenger: (1 - of_challenger, 1.0)}
        for arm, (low, high) in parts.items():
            if high > low:
                words = f"{stretch.start:%H:%M:%S} – {stretch.end:%H:%M:%S}: {arm} {high - low:.0%}"
                words += f" ({self._view.text(EVENTS[stretch.event.event])})"
                yield {
                    "at": _ms(stretch.start), "until": _ms(stretch.end), "low": low, "high": high,
                    **charts.said(arm, words),
                }  # fmt: skip

    def figures(self) -> list[Figure]:
        """Error rate, p99 and mean answer; one that nothing is known of is left out."""
        return [one for one in map(self._figure, FIGURES) if one.rows]

    def _figure(self, name: str) -> Figure:
        curve = [
            self._point(name, arm, at, value)
            for arm, samples in self._curves.get(name, {}).items()
            for at, value in samples
        ]
        judged = [point for one, found in self._course.judged for point in self._judged(name, one.at, found)]
        limit, tolerance, words = self._limit(name)
        label = self._view.text(TITLES[name])
        chart = charts.figure(_marks(curve), _marks(judged), self._arms, limit, FORMS[name], tolerance=tolerance)
        level, state = self._standing(name, curve or judged)
        picture = self._view.small_picture(chart, label) if curve or judged else ""
        return Figure(label, picture, words, level, state, sorted(judged or curve[-20:], key=lambda row: row["at"]))

    def _judged(self, name: str, at: datetime, found: Judgement) -> Iterator[dict[str, Any]]:
        for arm, value in getattr(found, name).items():
            if value is not None and arm in self._arms:
                yield self._point(name, arm, at, value)

    def _point(self, name: str, arm: str, at: datetime, value: float) -> dict[str, Any]:
        shown = self.shown(name, value)
        return {
            "at": _ms(at), "value": value, "time": at, "shown": shown,
            **charts.said(arm, f"{at:%H:%M:%S} {arm}: {shown}"),
        }  # fmt: skip

    def shown(self, name: str, value: float) -> str:
        """The figure as people read it."""
        return {"error_rate": f"{value:.2%}", "p99_ms": f"{value:.1f} ms", "mean_answer": f"{value:.4f}"}[name]

    def _limit(self, name: str) -> tuple[float | None, float | None, str]:
        """The line of the limit, the tolerance around the champion, and words for it."""
        limits = self._spec.rollout.abort
        if name == "mean_answer":
            words = self._view.text("at most %(limit)s apart") % {"limit": f"{limits.max_prediction_shift:g}"}
            return None, limits.max_prediction_shift, words
        limit = limits.max_error_rate if name == "error_rate" else limits.max_p99_ms
        return limit, None, self._view.text("at most %(limit)s") % {"limit": self.shown(name, limit)}

    def _standing(self, name: str, rows: list[dict[str, Any]]) -> tuple[str, str]:
        """Level and words of the newest values, of the challenger or between both."""
        last = {row["arm"]: row["value"] for row in sorted(rows, key=lambda row: row["at"])}
        mine = last.get(self._course.challenger)
        limit, tolerance, _ = self._limit(name)
        if tolerance is not None:
            limit, base = tolerance, last.get(self._course.champion)
            mine = None if mine is None or base is None or len(self._arms) < 2 else abs(mine - base)
        if mine is None or limit is None:
            return "none", self._view.text("not compared")
        within = mine <= limit
        return ("good", self._view.text("within the limit")) if within else ("bad", self._view.text("above the limit"))


def _marks(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows as a picture takes them."""
    return [{name: row[name] for name in ("at", "value", "arm", SAID)} for row in rows]


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
