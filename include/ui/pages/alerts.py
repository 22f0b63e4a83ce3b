"""Alerts of a use case and of the platform, when they fired and what was done; the runbook of each."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from include.contracts.operations import FiredAlert, RetrainPlan, Severity
from include.errors import NotFoundError, ServiceError
from include.operations.overview import alert_history
from include.operations.overview.alert_history import AlertHistory
from include.services import alert_rules
from include.services.alert_rules import WrittenRule
from include.settings import ROOT
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.ui.access import SIGNED_IN, Reader, http_errors
from include.ui.charts import alerts as charts
from include.ui.language import marked
from include.ui.loop_words import DECISIONS
from include.ui.recorded_words import translated
from include.ui.runbooks import REFERENCE, runbooks
from include.ui.view import View, ViewDep

DAYS, MOST_DAYS = 14, 400
PATIENCE = timedelta(minutes=5)
"""A decision comes so long after its alert, at most, or its alert was seen so much before by another clock."""
SEVERITIES = {
    "repair": marked("asks for a repair"), "retrain": marked("asks for a retrain"), "look": marked("asks to look"),
}  # fmt: skip
"""The worst first."""
LEVELS = {"repair": "bad", "retrain": "act", "look": "watch"}


def router() -> APIRouter:
    """``/alerts/``, ``/alerts/<usecase>`` with ``?days=``, and ``/runbooks/<alert>``."""
    pages = APIRouter(dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/alerts/")
    def platform(view: ViewDep, days: int = Query(DAYS, ge=1, le=MOST_DAYS)) -> HTMLResponse:
        return _page(view, None, shown(None, view.reader, days))

    @pages.get("/alerts/{usecase}")
    def of_usecase(view: ViewDep, usecase: str, days: int = Query(DAYS, ge=1, le=MOST_DAYS)) -> HTMLResponse:
        with http_errors():
            spec = load_usecase(usecase)
        return _page(view, spec, shown(spec, view.reader, days))

    @pages.get("/runbooks/{alert}")
    def runbook(view: ViewDep, alert: str) -> HTMLResponse:
        with http_errors():
            content = described(view.reader, alert)
        return view.page("runbook.html", **content, **_words(view))

    return pages


def shown(spec: UseCase | None, reader: Reader, days: int, now: datetime | None = None) -> dict[str, Any]:
    """What the template needs; ``spec`` None: of the platform. Without Prometheus ``silent`` says why."""
    until = (now or datetime.now(UTC)).replace(microsecond=0)
    reads = spec is None or reader.reads(spec, "figures")
    history, silent = _history(spec, reader, until, timedelta(days=days)) if reads else (None, "")
    decisions = reader.records.decisions(spec, since=until - timedelta(days=days)) if spec else []
    controls = reader.services.controls
    return {
        "days": days,
        "since": until - timedelta(days=days),
        "until": until,
        "reads": reads,
        "history": history,
        "silent": silent,
        "worst": _worst(history.firing) if history else None,
        "rows": _rows(history.fired, decisions) if history else [],
        "decisions": list(reversed(decisions)),
        "pause": controls.pause(spec.name) if spec else None,
        "silences": controls.silences(spec.name) if spec else {},
        "rules": _rules(spec, reader),
        "runbooks": runbooks(),
    }


def described(reader: Reader, alert: str) -> dict[str, Any]:
    """What the page of a runbook needs; raises NotFoundError for an alert that nobody raises."""
    known, rules = runbooks(), alert_rules.written(reader.services.settings)
    mine = [rule for rule in rules if rule.name == alert]
    if alert not in known and not mine:
        raise NotFoundError(f"there is no alert {alert!r}; there are: {', '.join(sorted(known))}")
    return {"alert": alert, "runbook": known.get(alert), "rules": mine, "reference": str(REFERENCE.relative_to(ROOT))}


def _history(
    spec: UseCase | None, reader: Reader, until: datetime, length: timedelta
) -> tuple[AlertHistory | None, str]:
    """What fired, and why nobody knows."""
    try:
        return alert_history.of(reader.services.adapters.metrics_server, spec.name if spec else "", until, length), ""
    except ServiceError as error:
        return None, str(error)


def _worst(firing: Sequence[FiredAlert]) -> Severity | None:
    """The severity that asks for the most; None when nothing fires."""
    return min((one.severity for one in firing), key=[*SEVERITIES].index, default=None)


def _rows(fired: Sequence[FiredAlert], decisions: Sequence[RetrainPlan]) -> list[dict[str, Any]]:
    """The newest first; the ``first`` row of an alert says what it means."""
    newest = {one.name: one for one in fired}
    return [
        {"alert": one, "decisions": alert_history.decided(one, decisions, PATIENCE), "first": newest[one.name] is one}
        for one in reversed(fired)
    ]


def _rules(spec: UseCase | None, reader: Reader) -> list[WrittenRule]:
    name = spec.name if spec else ""
    return [rule for rule in alert_rules.written(reader.services.settings) if rule.usecase == name]


def _page(view: View, spec: UseCase | None, content: Mapping[str, Any]) -> HTMLResponse:
    return view.page("alerts.html", spec, **content, timeline=_picture(view, content), **_words(view))


def _words(view: View) -> dict[str, Any]:
    named = {name: view.text(word) for name, word in SEVERITIES.items()}
    return {"severities": named, "levels": LEVELS, "decision_words": DECISIONS, "lasted": partial(lasted, view.text)}


def _picture(view: View, content: Mapping[str, Any]) -> Markup | None:
    """Bars of what fired; without Prometheus what decisions know of alerts."""
    history, decisions = content["history"], content["decisions"]
    if history is None:
        points = [
            _decided(view, name, plan) for plan in decisions for name in dict.fromkeys(a.name for a in plan.alerts)
        ]
        rows, since, until = [], content["since"], content["until"]
        since = max(since, min((plan.decided_at for plan in decisions), default=since) - timedelta(hours=1))
    else:
        rows, since, until = [_bar(view, one, history) for one in history.fired], history.since, history.until
        fired = {one.name for one in history.fired}
        points = [
            _decided(view, name, plan)
            for plan in decisions
            for name in dict.fromkeys(a.name for a in plan.alerts)
            if name in fired and plan.decided_at >= since
        ]
    if not rows and not points:
        return None
    label = view.text("Alerts from when each fired to when it was resolved, by the clock of the servers in UTC")
    ends = {"since": _iso(since), "until": _iso(until)}
    return view.picture(lambda width: charts.timeline(rows, points, width=width, **ends), label)


def _bar(view: View, one: FiredAlert, history: AlertHistory) -> dict[str, Any]:
    text, until = view.text, one.until or history.until
    ended = f"{one.until:%Y-%m-%d %H:%M}" if one.until else text("fires now")
    about = ", ".join(f"{name} {value}" for name, value in sorted(one.about.items()))
    told = [f"{one.name}: {text(SEVERITIES[one.severity])}", f"{one.since:%Y-%m-%d %H:%M} – {ended} UTC"]
    told += [text("lasted %(time)s") % {"time": lasted(text, until - one.since)}, *filter(None, (one.release, about))]
    return {
        "name": _short(one.name), "since": _iso(max(one.since, history.since)), "until": _iso(until),
        "severity": one.severity, "firing": one.until is None, "said": "\n".join(told),
    }  # fmt: skip


def _decided(view: View, name: str, plan: RetrainPlan) -> dict[str, Any]:
    what = f"{view.text('Decision')}: {view.text(DECISIONS[plan.decision])}"
    said = f"{name}\n{what}\n{plan.decided_at:%Y-%m-%d %H:%M} UTC\n{translated(plan.action, view.text) or plan.action}"
    return {"name": _short(name), "at": _iso(plan.decided_at), "said": said}


def _short(name: str) -> str:
    """Every alert is ours."""
    return name.removeprefix("Moebius")


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def lasted(text: Any, length: timedelta) -> str:
    """A length of time in its two largest units."""
    minutes, seconds = divmod(round(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = ((days, text("d")), (hours, text("h")), (minutes, text("min")), (seconds, text("s")))
    first = next((place for place, (amount, _) in enumerate(units) if amount), len(units) - 1)
    return " ".join(f"{amount} {unit}" for amount, unit in units[first : first + 2] if amount) or f"0 {text('s')}"
