"""Rollouts: the traffic of both arms, how they answer against their limits, what comes next, and every release."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from include.deployment import coming, course
from include.deployment.course import Course, Curves
from include.errors import ServiceError
from include.loop import rollback, rollout
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.ui import signed, verdict_words
from include.ui.access import SIGNED_IN, Reader, http_errors
from include.ui.charts.sparkline import sparkline
from include.ui.language import marked
from include.ui.pages.approvals import EVENTS as APPROVALS
from include.ui.rollout_pictures import EVENTS as OF_ROLLOUTS
from include.ui.rollout_pictures import Pictures
from include.ui.view import View, ViewDep

REFRESH_SECONDS = 5
EVENTS, ENTRIES, WINDOWS = 50, 30, 30
"""Newest events, entries of the signed record, and windows of a release that the page shows."""
APPROVED = 20
"""Newest approvals among which one without a release is looked for."""
STRATEGIES = {
    "blue_green": marked("blue-green"), "canary": marked("canary"), "ab_test": marked("A/B test"),
    "shadow": marked("shadow"),
}  # fmt: skip
WORDS = {
    "event_words": OF_ROLLOUTS, "approval_words": APPROVALS, "strategy_words": STRATEGIES,
    "verdict_words": verdict_words.NAMES,
}  # fmt: skip
OF_RELEASES = ("figures", "rollout_events", "approvals")
"""Tables whose records stand in the list of releases."""


def router() -> APIRouter:
    """``/rollouts/<usecase>``."""
    pages = APIRouter(prefix="/rollouts", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/{usecase}")
    def page(view: ViewDep, usecase: str) -> HTMLResponse:
        with http_errors():
            spec = load_usecase(usecase)
        content = shown(spec, view.reader, datetime.now(UTC))
        return view.page("rollout.html", spec, **content, **drawn(spec, view, content))

    return pages


def shown(spec: UseCase, reader: Reader, now: datetime) -> dict[str, Any]:
    """What the template needs, without its pictures; without Prometheus it says so in ``unwatched``."""
    state, events = reader.services.serving.rollout_state(spec), reader.records.rollout_events(spec, newest=EVENTS)
    newest = course.newest(events)
    curves, unwatched = _curves(spec, reader, newest, now)
    watched: dict[str, Any] = {}
    if not unwatched and state and state.challenger and reader.reads(spec, "rollout_events"):
        watched, unwatched = _watched(spec, reader)
    approvals = reader.records.some_approvals(spec, newest=ENTRIES)
    releases = _releases(spec, reader) if state and reader.reads(spec, *OF_RELEASES) else []
    return {
        "now": now, "state": state, "course": newest, "curves": curves, "watch": watched, "unwatched": unwatched,
        "coming": coming.coming(spec, state, watched.get("judgement")) if state else None,
        "releases": releases, "returnable": any(not one.serves and not one.barred for one in releases),
        "events": events, "approvals": approvals,
        "entries": approvals[-1].sequence if approvals else 0, "approved": _approved(spec, reader, releases),
        "asked": bool(signed.unanswered(spec, reader)),
        **WORDS, "refresh": REFRESH_SECONDS if state and state.challenger else None,
    }  # fmt: skip


def drawn(spec: UseCase, view: View, content: dict[str, Any]) -> dict[str, Any]:
    """The pictures of what ``shown`` found."""
    pictures = None
    if content["course"]:
        pictures = Pictures(spec, view, content["course"], content["curves"], content["now"])
    return {
        "traffic": pictures.traffic() if pictures else "",
        "figures": pictures.figures() if pictures else [],
        "served": {one.name: _served(spec, view, one) for one in content["releases"]},
    }


def _curves(spec: UseCase, reader: Reader, newest: Course | None, now: datetime) -> tuple[Curves, str]:
    if newest is None:
        return {}, ""
    try:
        return course.curves(spec, reader.services.adapters.metrics_server, newest, now), ""
    except ServiceError as error:
        return {}, str(error)


def _watched(spec: UseCase, reader: Reader) -> tuple[dict[str, Any], str]:
    try:
        return rollout.watch(spec, reader.services), ""
    except ServiceError as error:
        return {}, str(error)


def _releases(spec: UseCase, reader: Reader) -> list[Any]:
    return list(reversed(rollback.choices(spec, reader.services)))


def _approved(spec: UseCase, reader: Reader, releases: list[Any]) -> int | None:
    """The newest version that the record has as approved, nothing later, and that no release was made of."""
    read = partial(reader.records.some_approvals, spec)
    released = {version for one in releases for version in (one.model_version, one.proof)}
    waiting = sorted({entry.version for entry in read(event="approved", newest=APPROVED)} - released)
    newest: dict[int, str] = {entry.version: entry.event for entry in (read(version=waiting) if waiting else [])}
    return max((version for version, event in newest.items() if event == "approved"), default=None)


def _served(spec: UseCase, view: View, one: Any) -> Any:
    """The metric of a release by window, in the size of a word; '' for fewer than two."""
    windows = list(one.served.items())[-WINDOWS:]
    if len(windows) < 2:
        return ""
    points = [{"at": str(p), "value": value, "said": f"{one.name}, {p}: {value:.4f}"} for p, value in windows]
    words = view.text("%(metric)s of %(release)s by window") % {"metric": spec.metrics.primary, "release": one.name}
    return view.small_picture(sparkline(points, width=160, height=36), words)
