"""Figures of one release in one window: volume, drift and quality."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.operations import Figure
from include.contracts.period import Period
from include.errors import DataError
from include.families.registry import label_codes
from include.families.serving import logged_column
from include.formats.ties import latest_per_key
from include.operations.drift import attribution, drift_figures, references, skew
from include.operations.monitoring import binned, large_windows, slices
from include.operations.monitoring.window_inputs import WindowInputs
from include.operations.performance import calibration_figures, concept, estimated, performance, spread_check
from include.operations.windows import maturity, maturity_curve, windows
from include.operations.windows.scope import Scope
from include.operations.windows.window import Window
from include.specification.usecase import UseCase

POSITION = "position:"  # of a row in the log; no column of a use case has a colon in its name


def measure(spec: UseCase, release: str, baseline: Mapping[str, Any], given: WindowInputs) -> list[Figure]:
    """All figures of ``release`` in a window; ``baseline`` is that which ``drift.baseline`` made for this release.

    Raises DataError when columns are missing, a label is no class, the baseline belongs to another use case, or
    ``rescored`` does not fit the rows.
    """
    predictions, events, files = given.predictions, given.events, given.files
    rescored = {name: np.asarray(p, dtype=float) for name, p in given.rescored.items()}
    _check(spec, baseline, predictions, events, rescored)
    scope = Scope(spec, release, given.period)
    logged = predictions.assign(**{POSITION: np.arange(len(predictions))})
    logged = logged[logged["release"] == release]
    rows = _with_slices(spec, _latest_per_event(spec, logged), events)
    figures = _volume(scope, logged, rows)
    if rows.empty:
        return figures
    moment = given.as_of or datetime.now(UTC)
    due = rows[maturity.due(spec, _timed(spec, rows, events), moment, given.published)]
    known = _with_truth(spec, due, events, moment)
    if spec.event.label:
        figures += _labels(scope, len(rows), len(due), len(known))
    asked, known = rows[_looked_up(rows)], known[_looked_up(known)]
    figures += [scope.figure("unavailable", len(rows) - len(asked), n=len(rows))] if "unavailable" in rows else []
    if asked.empty:
        return figures
    whole = large_windows.whole(spec, baseline, asked, asked[POSITION], files) if files else None
    asked, known = (files.joined(rows, rows[POSITION]) if files else rows for rows in (asked, known))
    others = {name: scores[known[POSITION].to_numpy()] for name, scores in rescored.items()}
    before, last_season = given.compared_with
    window = Window(
        scope, baseline, asked, known, others, given.offline, given.history, len(due) / len(rows), given.seed,
        given.stated, past=given.past, keep=given.keep, model=given.model, whole=whole, before=before,
        last_season=last_season,
    )  # fmt: skip
    if given.labelled is not None and (curve := maturity_curve.curve(spec, given.labelled, moment)):
        window = replace(window, usually_known=maturity_curve.usually_known(spec, curve, rows, moment))
        figures += maturity_curve.figures(scope, curve)
    window = drift_figures.with_drifts(window)
    figures += [figure for measured in MEASURES for figure in measured(window)]
    if given.keep_slices is not None:
        by_slice, summary = slices.measured(window)
        given.keep_slices(by_slice)
        figures += summary
    if given.keep_bins is not None:
        given.keep_bins(binned.distributions(window), binned.calibration(window))
    return figures + _windows(scope, figures, given.history)


def _check(
    spec: UseCase, baseline: Mapping[str, Any], predictions: pd.DataFrame, events: pd.DataFrame,
    rescored: Mapping[str, np.ndarray],
) -> None:  # fmt: skip
    needed = {"request_id", "logged_at", "release", logged_column(spec), "latency_ms", spec.event.id}
    for name, columns, frame in (
        ("prediction log", needed, predictions),
        ("ground truth", {spec.event.id, *([spec.event.label] if spec.event.label else [])}, events),
    ):
        if missing := sorted(columns - set(frame)):
            raise DataError(f"the {name} of {spec.name} lacks the columns {missing}; it has {sorted(frame)}")
    if baseline.get("usecase") != spec.name:
        raise DataError(f"the baseline belongs to use case {baseline.get('usecase')!r}, not to {spec.name!r}")
    for release, scores in rescored.items():
        if len(scores) != len(predictions):
            raise DataError(f"{len(scores)} rescored rows of {release} for {len(predictions)} predictions")


def _looked_up(rows: pd.DataFrame) -> np.ndarray:
    """Which rows (n,) were answered with what the online store has; all, of a log that does not tell."""
    if "unavailable" not in rows:
        return np.ones(len(rows), dtype=bool)
    return ~(pd.to_numeric(rows["unavailable"]).fillna(0) > 0).to_numpy()


def _latest_per_event(spec: UseCase, logged: pd.DataFrame) -> pd.DataFrame:
    """A retried request is logged twice and an event may be asked twice: the last answer counts."""
    order = ["logged_at", "request_id"]
    return latest_per_key(logged, [spec.event.id], order).sort_values([*order, spec.event.id], ignore_index=True)


def _timed(spec: UseCase, rows: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """The rows with the time of their event, by the log, else by the events; without, where neither tells it."""
    if spec.event.time in rows or spec.event.time not in events:
        return rows
    last = latest_per_key(events[[spec.event.id, spec.event.time]], [spec.event.id], [spec.event.time])
    times = last.set_index(spec.event.id)[spec.event.time]
    return rows.assign(**{spec.event.time: rows[spec.event.id].map(times)})


def _with_slices(spec: UseCase, rows: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """The rows with those columns of slices that clients do not send, where their event is known."""
    wanted = [name for name in spec.monitored_slices if name not in rows and name in events]
    if not wanted:
        return rows
    known = latest_per_key(events[[spec.event.id, *wanted]], [spec.event.id], []).set_index(spec.event.id)
    return rows.assign(**{name: rows[spec.event.id].map(known[name]) for name in wanted})


def _labels(scope: Scope, rows: int, due: int, known: int) -> list[Figure]:
    """Labels that are known, that are due and never came, that are not due yet; the maturity is known / due."""
    counts = {"labelled": known, "unmatched": due - known, "not_due": rows - due}
    figures = [scope.figure(name, count, n=rows) for name, count in counts.items()]
    return [*figures, scope.figure("maturity", known / due, n=due)] if due else figures


def _with_truth(spec: UseCase, rows: pd.DataFrame, events: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """The rows whose label is known, with its code; all of them when there are no labels."""
    if not spec.event.label:
        return rows
    truth = events.loc[maturity.known(spec, events, as_of), [spec.event.id, spec.event.label]]
    truth = latest_per_key(truth, [spec.event.id], [])
    coded = label_codes(spec, truth[spec.event.label], "ground truth")
    return rows.merge(truth.assign(**{spec.event.label: coded}), on=spec.event.id, how="inner")


def _volume(scope: Scope, logged: pd.DataFrame, rows: pd.DataFrame) -> list[Figure]:
    figures = [scope.figure("rows", len(logged)), scope.figure("duplicates", len(logged) - len(rows))]
    if len(logged):
        for name, quantile in (("latency_p50_ms", 0.5), ("latency_p99_ms", 0.99)):
            figures.append(scope.figure(name, logged["latency_ms"].quantile(quantile), n=len(logged)))
    return figures


MEASURES: tuple[Callable[[Window], list[Figure]], ...] = (
    drift_figures.inputs,
    drift_figures.answers,
    references.figures,
    skew.figures,
    performance.quality,
    calibration_figures.figures,
    performance.counterfactual,
    spread_check.figures,
    estimated.figures,
    concept.figures,
    attribution.figures,
)
"""What is measured of every window, in this order."""


def counted_again(spec: UseCase, period: Period, figures: Sequence[Figure], history: Sequence[Figure]) -> list[Figure]:
    """The figures of a window with ``breached_windows`` as ``history`` now says."""
    counted = [
        one
        for release in dict.fromkeys(f.release for f in figures)
        for one in _windows(Scope(spec, release, period), [f for f in figures if f.release == release], history)
    ]
    new = {f.release: f for f in counted}
    return [new.get(f.release, f) if f.name == "breached_windows" else f for f in figures]


def _windows(scope: Scope, figures: Sequence[Figure], history: Sequence[Figure]) -> list[Figure]:
    """How many of the last n windows of this release were breached; one that is measured again counts once."""
    mine = [f for f in figures if f.name == "breached"]
    if not mine:
        return []
    ends = windows.ends_of(scope.spec, scope.period)
    key = (scope.spec.name, scope.release, "breached")
    earlier = (f for f in history if (f.usecase, f.release, f.name) == key and f.period in ends[:-1])
    breached = {f.period: f.value for f in earlier} | {scope.period: mine[0].value}
    return [scope.figure("breached_windows", sum(breached.values()), n=len(breached))]
