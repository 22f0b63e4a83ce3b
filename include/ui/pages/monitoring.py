"""Monitoring of a use case: how every figure of a window stands, and pictures of what it was measured on."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from include.contracts.operations import BinnedCounts, BlockLoss, CalibrationBin, Figure
from include.contracts.period import Period
from include.errors import NotFoundError, ServiceError
from include.operations.overview import history, standings
from include.operations.overview.standings import Counts, Judged
from include.operations.windows import windows
from include.services.records import LOOKED_BACK
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.ui import monitored, monitored_words
from include.ui.access import SIGNED_IN, Reader, http_errors
from include.ui.monitored_rows import SHOWN, bin_standing, slice_standing
from include.ui.monitored_words import PARTS
from include.ui.view import ViewDep

LOSS_WINDOWS = 4
"""Windows whose loss is drawn day by day."""
ERRORS = "sum(increase(moebius_requests_total{{{of},{which}}}[1h]))"


class Asked(NamedTuple):
    """What of a use case is looked at; '' stands for the newest, what serves, the most drifted."""

    window: str = ""
    release: str = ""
    feature: str = ""
    part: str = ""


def router() -> APIRouter:
    """``/monitoring/<usecase>``, with ``?window=``, ``?release=``, ``?feature=`` and ``?part=``."""
    pages = APIRouter(prefix="/monitoring", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/{usecase}")
    def page(
        view: ViewDep, usecase: str, window: str = "", release: str = "", feature: str = "", part: str = ""
    ) -> HTMLResponse:
        with http_errors():
            spec = load_usecase(usecase)
            content = shown(spec, view.reader, Asked(window, release, feature, part))
        drawn = monitored.pictures(view, spec, content) if content["window"] else {}
        return view.page("monitoring.html", spec, **content, drawn=drawn, **words(view.text))

    return pages


def words(text: monitored_words.Text) -> dict[str, Any]:
    """What the template calls and judges rows with."""
    return {**monitored_words.words(text), "bin_standing": bin_standing, "slice_standing": slice_standing}


def shown(spec: UseCase, reader: Reader, asked: Asked = Asked()) -> dict[str, Any]:  # noqa: B008 - it is frozen
    """What the template needs; raises NotFoundError for a window that was not measured."""
    measured = reader.records.measured_windows(spec)[-LOOKED_BACK:]
    if not measured:
        return {"window": None, "measured": []}
    window = _window(spec, measured, asked.window)
    every = reader.records.window_figures(spec, window)
    release, releases = _release(spec, reader, every, asked.release)
    mine = [figure for figure in every if figure.release == release]
    judged = standings.judged(spec, mine)
    counts = sorted(standings.counts(judged), key=lambda of: standings.ORDER.index(of.standing))
    features = _features(judged)
    feature = asked.feature if asked.feature in features else next(iter(features), "")
    part = asked.part if asked.part in PARTS else _worst(counts)
    return {
        "window": window,
        "measured": measured,
        "ends": spec.calendar.end(window),
        "release": release,
        "releases": releases,
        "figures": {(figure.name, figure.subject): figure for figure in mine},
        "judged": judged,
        "by_key": {(one.figure.name, one.figure.subject): one for one in judged},
        "counts": counts,
        "shown_part": part,
        "chosen": part == asked.part,
        "measured_at": reader.records.figures_written(spec),
        "most": SHOWN,
        "features": features,
        "feature": feature,
        **OF_PART[part](spec, reader, window, release, feature),
    }


def _window(spec: UseCase, measured: Sequence[Period], asked: str) -> Period:
    if not asked:
        return measured[-1]
    if asked not in measured:
        raise NotFoundError(f"{spec.name} has no monitored window {asked!r}: the newest ones are {measured[-3:]}")
    return Period(asked)


def _release(spec: UseCase, reader: Reader, figures: Sequence[Figure], asked: str) -> tuple[str, list[str]]:
    """The release that is shown, of those that answered: the one that serves, else the one that answered most."""
    answered = {figure.release: figure.n for figure in figures if figure.name == "missing_share"}
    answered = {figure.release: answered.get(figure.release, 0) for figure in figures}
    state = reader.services.serving.rollout_state(spec)
    serves = state.champion if state else ""
    most = max(sorted(answered), key=lambda name: answered[name], default="")
    return next((name for name in (asked, serves, most) if name in answered), ""), sorted(answered)


def _worst(counts: Sequence[Counts]) -> str:
    """The part of the group that stands worst."""
    return next((part for part, groups in PARTS.items() if counts and counts[0].group in groups), "inputs")


def _features(judged: Sequence[Judged]) -> list[str]:
    """The most drifted first."""
    drifts = {one.figure.subject: one for one in judged if one.figure.name == "psi"}
    place = {name: (standings.ORDER.index(one.standing), -one.figure.value) for name, one in drifts.items()}
    return sorted(drifts, key=lambda name: place[name])


def _inputs(spec: UseCase, reader: Reader, window: Period, release: str, feature: str) -> dict[str, Any]:
    return {"distribution": _counts(spec, reader, window, release, feature) if feature else None}


def _answers(spec: UseCase, reader: Reader, window: Period, release: str, feature: str) -> dict[str, Any]:
    bins: list[CalibrationBin] = reader.records.calibration_bins(spec, window)
    mine = [one for one in bins if one.release == release]
    return {
        "answers": _counts(spec, reader, window, release, ""),
        "calibration": sorted(mine, key=lambda one: one.predicted),
        "slices": _slices(spec, reader, window, release),
        "history": _history(spec, reader, spec.metrics.primary, f"estimated_{spec.metrics.primary}"),
    }


def _model(spec: UseCase, reader: Reader, window: Period, release: str, feature: str) -> dict[str, Any]:
    return {
        "losses": _losses(spec, reader, window, release),
        "history": _history(spec, reader, "latency_p50_ms", "latency_p99_ms"),
        "errors": _errors(spec, reader),
    }


OF_PART = {"inputs": _inputs, "answers": _answers, "model": _model}
"""Part of the page → what is read for it alone."""


def _counts(spec: UseCase, reader: Reader, window: Period, release: str, subject: str) -> BinnedCounts | None:
    """Rows by bin of a feature, or of the answers ('')."""
    found = reader.records.distributions(spec, window, subject)
    return next((one for one in found if one.release == release), None)


def _slices(spec: UseCase, reader: Reader, window: Period, release: str) -> list[dict[str, Any]]:
    rows = history.slice_rows(spec, reader.records.window_slices(spec, window))
    return [row for row in rows if row["release"] == release]


def _losses(spec: UseCase, reader: Reader, window: Period, release: str) -> list[BlockLoss]:
    """The loss of the release by block, of this window and of those before it, oldest first."""
    if not spec.event.label:
        return []
    ends = windows.ends(spec, window, LOSS_WINDOWS)
    by_block = {one.block: one for one in reader.records.block_losses(spec, ends) if one.release == release}
    return [by_block[block] for block in sorted(by_block)]


def _history(spec: UseCase, reader: Reader, *names: str) -> list[Figure]:
    """What is drawn window after window, each of the release that answered most."""
    found: dict[tuple[str, str], Figure] = {}
    for figure in reader.records.history(spec, *names):
        key = (figure.period, figure.name)
        if key not in found or figure.n > found[key].n:
            found[key] = figure
    return [found[key] for key in sorted(found)]


def _errors(spec: UseCase, reader: Reader) -> dict[str, Any]:
    """The share of failed rows in the last hour, now; without Prometheus why it is not known."""
    if not reader.reads(spec, "figures"):
        return {"share": None, "rows": 0.0, "unknown": ""}
    of, server = f'usecase="{spec.name}"', reader.services.adapters.metrics_server
    try:
        failed, rows = (
            sum(value for _, value in server.query(ERRORS.format(of=of, which=which)))
            for which in ('outcome!~"ok|bad_request"', 'outcome!="bad_request"')
        )
    except ServiceError as error:
        return {"share": None, "rows": 0.0, "unknown": str(error)}
    return {"share": failed / rows if rows else None, "rows": rows, "unknown": ""}
