"""The first page: every use case as a card, what needs a person first."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from include.contracts.governance import Level
from include.contracts.operations import Figure, FiringAlert
from include.contracts.runs import OpenWork
from include.errors import MoebiusError, ServiceError
from include.operations.overview import incidents, loop_figures, loop_state
from include.operations.overview.loop_figures import WindowPoint
from include.services import checking
from include.specification.loader import specifications
from include.specification.usecase import UseCase
from include.ui import dag_runs, loop_words, verdict_words
from include.ui.access import SIGNED_IN, Reader
from include.ui.charts import overview as charts
from include.ui.templates import NONE, number, percent
from include.ui.view import View, ViewDep

WINDOWS = 30
"""Windows of a card's pictures."""
PROMETHEUS_SECONDS = 1.0
"""How long the page waits for the alerts; it is shown without them."""


def router() -> APIRouter:
    """``/``."""
    pages = APIRouter(dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/")
    def page(view: ViewDep) -> HTMLResponse:
        levels: dict[str, Level] = {str(role): level for role, level in view.reader.services.settings.access.items()}
        work = dag_runs.open_work(view.reader.role, levels.get(view.reader.role, "none"))
        return view.page("overview.html", **shown(view, work))

    return pages


def shown(view: View, work: OpenWork) -> dict[str, Any]:
    """What the template needs: cards, the alerts of the platform, faults of specs that make no card."""
    reader, good = view.reader, specifications().good
    faults = checking.known(reader.services.settings)
    alerts, silent = firing(reader)
    cards, unreadable = list[dict[str, Any]](), dict[str, list[str]]()
    for name, spec in good.items():
        try:
            cards.append(card(spec, view, work.of(name), alerts, faults.get(name, ())))
        except MoebiusError as error:  # damaged records of one use case hide no other one
            unreadable[name] = [*faults.get(name, ()), str(error)]
    cards.sort(key=lambda one: (loop_state.SHOWN.index(one["found"][0].state), one["spec"].title))
    unloaded = {name: lines for name, lines in faults.items() if name not in good}
    states = [one["found"][0].state for one in cards] + ["broken"] * (len(unloaded) + len(unreadable))
    return {
        "cards": cards,
        "faults": unloaded,
        "unreadable": unreadable,
        "counts": {state: states.count(state) for state in loop_state.SHOWN},
        "platform": [alert for alert in alerts or () if not alert.usecase],
        "work_unknown": bool(work.unknown),
        "unknown": [why for why in (silent, work.unknown) if why],
        "words": loop_words,
        "verdict_words": verdict_words.NAMES,
        "role": reader.role,
    }


def firing(reader: Reader) -> tuple[list[FiringAlert] | None, str]:
    """The alerts that fire, and why they are not known (None)."""
    try:
        return reader.services.adapters.metrics_server.all_firing(PROMETHEUS_SECONDS), ""
    except ServiceError as error:
        return None, str(error)


def card(
    spec: UseCase, view: View, work: OpenWork, alerts: Sequence[FiringAlert] | None, faults: Sequence[str]
) -> dict[str, Any]:
    """One use case: its state and why, pictures, traffic, last incident, and the facts behind them."""
    reader = view.reader
    records, services = reader.records, reader.services
    mine = _readable(spec, reader, alerts)
    figures = records.history(spec, *loop_figures.names(spec))
    windows, rollout = loop_figures.points(spec, figures), services.serving.rollout_state(spec)
    newest = loop_figures.newest(spec, figures, rollout.champion) if rollout else {}
    decisions, scrubs = records.decisions(spec, newest=1), records.last_scrub(spec)
    events = records.rollout_events(spec, newest=1, event=[*incidents.EVENTS])
    facts = loop_state.Facts(
        primary=spec.metrics.primary, drift_features=spec.monitoring.drift_features, faults=faults, rollout=rollout,
        alerts=mine, work=work, figures=newest, unread=not reader.reads(spec, "figures"),
        decision=decisions[-1] if decisions else None, scrubs=scrubs,
        pause=services.controls.pause(spec.name), silences=services.controls.silences(spec.name),
    )  # fmt: skip
    return {
        "spec": spec,
        "found": loop_state.findings(facts),
        "rollout": rollout,
        "questions": work.questions,
        "metric": newest.get(spec.metrics.primary),
        "drifted": newest.get("drifted_features"),
        "windows": windows[-WINDOWS:],
        "limit": loop_figures.current_limit(windows),
        "pictures": pictures(spec, view, windows[-WINDOWS:]) if windows else {},
        "incident": incidents.last(events, scrubs, [alert for alert in mine or () if alert.usecase]),
        "published": records.published(spec),
        "verdict": next(iter(records.verdicts(spec, newest=1)), None),
        "decision": facts.decision,
        "alerts_known": mine is not None,
    }


def _readable(spec: UseCase, reader: Reader, alerts: Sequence[FiringAlert] | None) -> list[FiringAlert] | None:
    """The alerts of the use case and of the platform; who reads no figures reads their names only."""
    if alerts is None:
        return None
    mine = [alert for alert in alerts if alert.usecase in ("", spec.name)]
    if reader.reads(spec, "figures"):
        return mine
    return [alert.model_copy(update={"summary": alert.name}) for alert in mine]


def pictures(spec: UseCase, view: View, windows: Sequence[WindowPoint]) -> Mapping[str, Any]:
    """Both pictures of the windows, each None when there is nothing to draw."""
    metrics = [_metric_row(spec, view, point) for point in windows]
    drifts = [_drift_row(spec, view, point) for point in windows]
    limit = spec.monitoring.drift_features / len(spec.features)
    label = {"title": spec.title, "metric": spec.metrics.primary}
    drawn: dict[str, Any] = {"metric": None, "drift": None}
    if any(row["value"] is not None for row in metrics):
        words = view.text("%(title)s: %(metric)s by window, with its limit") % label
        drawn["metric"] = view.small_picture(charts.metric(metrics), words)
    if any(row["share"] is not None for row in drifts):
        words = view.text("%(title)s: share of drifted features by window") % label
        drawn["drift"] = view.small_picture(charts.drift(drifts, limit), words)
    return drawn


def _metric_row(spec: UseCase, view: View, point: WindowPoint) -> dict[str, Any]:
    value = point.metric.value if point.metric else None
    said = f"{point.period}, {point.release}\n{spec.metrics.primary} {_with_interval(point.metric)}"
    if point.limit is not None:
        said += "\n" + view.text("limit %(limit)s") % {"limit": number(point.limit)}
    return {"at": str(point.period), "value": value, "limit": point.limit, "beyond": point.breached, "said": said}


def _drift_row(spec: UseCase, view: View, point: WindowPoint) -> dict[str, Any]:
    count = None if point.drifted is None else point.drifted.value
    share = None if count is None else min(count / len(spec.features), 1.0)
    words = view.text("%(count)s of %(all)s features drifted (%(share)s)")
    said = words % {"count": NONE if count is None else int(count), "all": len(spec.features), "share": percent(share)}
    beyond = count is not None and count >= spec.monitoring.drift_features
    return {"at": str(point.period), "share": share, "beyond": beyond, "said": f"{point.period}\n{said}"}


def _with_interval(metric: Figure | None) -> str:
    if metric is None:
        return NONE
    bounds = "" if metric.low is None else f" [{number(metric.low)}, {number(metric.high)}]"
    return f"{number(metric.value)}{bounds}"
