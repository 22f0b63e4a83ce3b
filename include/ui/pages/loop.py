"""The page of a use case: what serves and why, how good it is against its limits, and what was decided."""

from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from include.contracts.operations import FiringAlert
from include.contracts.period import Period
from include.operations.overview import drift_map, history
from include.services.records import LOOKED_BACK
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.ui import loop_content, navigation, verdict_words
from include.ui.access import SIGNED_IN, Reader, http_errors
from include.ui.charts import heat_map, lanes, metric_history
from include.ui.charts.gains import gains
from include.ui.charts.stacked import Content, Text
from include.ui.charts.timeline import timeline
from include.ui.language import marked
from include.ui.loop_content import Known
from include.ui.pages.overview import firing
from include.ui.view import Chart, ViewDep

LEVELS = {
    "worth": {
        "within": "good", "beyond": "watch", "breached": "bad", "provisional": "none", "too few": "none",
        "no limit": "none",
    },
    "kept": {"held": "good", "less": "watch", "lost": "bad", "unknown": "none"},
}  # fmt: skip
WORDS = {
    "better": metric_history.BETTER,
    "worse": metric_history.WORSE,
    "worth": metric_history.WORDS,
    "drift": heat_map.WORDS,
    "decision": {kind: word for (lane, kind), (word, _, _) in lanes.KINDS.items() if lane == "decision"},
    "lane": lanes.LANES,
    "happened": {kind: word for kind, (word, _, _) in lanes.KINDS.items()},
    "bound": {
        "value": marked("the value"), "lower": marked("lower bound of the interval"),
        "upper": marked("upper bound of the interval"),
    },
    "kept": {
        "held": marked("as much as was proved"), "less": marked("less than was proved"),
        "lost": marked("surely a loss"), "unknown": marked("cannot be judged"),
    },
}  # fmt: skip
"""What the template says of a state."""


def router() -> APIRouter:
    """``/loops/<usecase>``."""
    pages = APIRouter(prefix="/loops", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/{usecase}")
    def page(view: ViewDep, usecase: str) -> HTMLResponse:
        with http_errors():
            spec = load_usecase(usecase)
            content = shown(spec, view.reader)
        return view.page("loop.html", spec, loop_=content, verdict_words=verdict_words.NAMES)

    return pages


def shown(spec: UseCase, reader: Reader) -> dict[str, Any]:
    """What the template needs."""
    known = loop_content.known(spec, reader)
    content = known.content(loop_content.incidents(known, reader))
    pause = reader.services.controls.pause(spec.name)
    fires, unheard = _firing(spec, reader)
    return {
        "known": known,
        "published": reader.records.published(spec),
        "looked_back": LOOKED_BACK,
        "unmeasured": history.unmeasured(spec, list(known.figures)),
        "drifted": drift_map.drifted(known.newest_drift),
        "firing": fires,
        "unheard": unheard,
        "words": WORDS,
        "levels": LEVELS,
        "signs": lanes.signs(),
        "colours": {release: content.colours[release] for release, _, _ in content.spans},
        "paused": pause.words if pause else "",
        "happened": content.happened,
        "served_from": _served_from(known, content),
        "timeline": _timeline(content),
        "gains": _gains(known),
        "offered": [place.path for place in navigation.offered(navigation.OF_USECASE, reader.role, spec.name)],
        "in_mlflow": partial(reader.services.adapters.experiment_reader.page, spec.name),
    }


def _timeline(content: Content) -> Callable[[Text], Chart] | None:
    """Given a translator it draws the picture; None without a window."""
    return (lambda text: partial(timeline, content, text)) if content.windows else None


def _served_from(known: Known, content: Content) -> Period | None:
    """The window from which on what serves has answered most; None when it has not, or since before the first."""
    for release, first, _ in content.spans[-1:]:
        if known.state and release == known.state.champion and not (known.cut and first == known.windows[0]):
            return first
    return None


def _gains(known: Known) -> Callable[[Text], Chart] | None:
    if not any(one.proved for one in known.outcomes):
        return None
    return lambda text: partial(gains, known.outcomes, known.spec.comparison.min_gain, text)


def _firing(spec: UseCase, reader: Reader) -> tuple[list[FiringAlert], str]:
    """Alerts of the use case that fire now, the newest first; or why nobody knows."""
    if not reader.reads(spec, "decisions"):
        return [], ""
    alerts, unheard = firing(reader)
    mine = [alert for alert in alerts or () if alert.usecase == spec.name]
    return sorted(mine, key=lambda alert: (alert.since is not None, alert.since), reverse=True), unheard
