"""Figures of one release in one period: what came in, how it drifted, and how good the answers were."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from include.contracts import Figure, Interval, Period
from include.errors import DataError, EvaluationError
from include.evaluation.bootstrap import paired
from include.evaluation.metrics import calibration_error, direction
from include.operations import drift
from include.usecase import UseCase

CLASS_ROWS = 10  # fewer labelled rows of one class and no ranking metric is measured


@dataclass(frozen=True)
class Scope:
    """Whose figures are made."""

    spec: UseCase
    release: str
    period: str

    def figure(self, name: str, value: float, subject: str = "", n: int = 0) -> Figure:
        return Figure(
            usecase=self.spec.name, release=self.release, period=self.period, name=name, subject=subject,
            value=float(value), n=n,
        )  # fmt: skip

    def interval(self, name: str, figure: Interval) -> Figure:
        bounds = {"low": figure.low, "high": figure.high, "n": figure.n}
        return self.figure(name, figure.value).model_copy(update=bounds)


def measure(
    spec: UseCase,
    release: str,
    baseline: Mapping[str, Any],
    *,
    predictions: pd.DataFrame,
    events: pd.DataFrame,
    period: str,
    rescored: Mapping[str, np.ndarray] | None = None,
    history: Sequence[Figure] = (),
    offline: pd.DataFrame | None = None,
    seed: int = 0,
) -> list[Figure]:
    """All figures of ``release`` in ``period``.

    Parameters
    ----------
    baseline : as made by ``drift.baseline`` for this release
    predictions : logged rows of the period: request_id, logged_at, release, probability, latency_ms, the event id,
        and the feature columns; rows of other releases are left out
    events : event id and label of what has become known
    rescored : probabilities of other releases on the same rows, one per row of ``predictions``
    history : earlier figures, for ``breached_windows``
    offline : event id and features as the offline store has them, for ``feature_skew``

    Raises
    ------
    DataError
        columns are missing, the baseline belongs to another use case, or ``rescored`` does not fit the rows.
    """
    _check(spec, baseline, predictions, events, rescored)
    scope = Scope(spec, release, period)
    columns = {f"rescored:{name}": np.asarray(p, dtype=float) for name, p in (rescored or {}).items()}
    logged = predictions.assign(**columns)
    logged = logged[logged["release"] == release]
    rows = _latest_per_event(spec, logged)
    figures = _volume(scope, logged, rows)
    if rows.empty:
        return figures
    known = rows.merge(_truth(spec, events), on=spec.event.id, how="inner")
    figures += _inputs(scope, baseline, rows, len(rows) - len(known))
    figures += _skew(scope, rows, offline)
    figures += _quality(scope, baseline, known, seed)
    figures += _counterfactual(scope, known, list(rescored or {}), seed)
    return figures + _windows(scope, figures, history)


def _check(
    spec: UseCase, baseline: Mapping[str, Any], predictions: pd.DataFrame, events: pd.DataFrame,
    rescored: Mapping[str, np.ndarray] | None,
) -> None:  # fmt: skip
    needed = {"request_id", "logged_at", "release", "probability", "latency_ms", spec.event.id}
    for name, columns, frame in (
        ("prediction log", needed, predictions),
        ("ground truth", {spec.event.id, *([spec.event.label] if spec.event.label else [])}, events),
    ):
        if missing := sorted(columns - set(frame)):
            raise DataError(f"the {name} of {spec.name} lacks the columns {missing}; it has {sorted(frame)}")
    if baseline.get("usecase") != spec.name:
        raise DataError(f"the baseline belongs to use case {baseline.get('usecase')!r}, not to {spec.name!r}")
    for release, probabilities in (rescored or {}).items():
        if len(probabilities) != len(predictions):
            raise DataError(f"{len(probabilities)} rescored rows of {release} for {len(predictions)} predictions")


def _latest_per_event(spec: UseCase, logged: pd.DataFrame) -> pd.DataFrame:
    """A retried request is logged twice and an event may be asked twice: the last answer counts."""
    ordered = logged.sort_values(["logged_at", "request_id"], kind="stable")
    return ordered.drop_duplicates(spec.event.id, keep="last").reset_index(drop=True)


def _truth(spec: UseCase, events: pd.DataFrame) -> pd.DataFrame:
    return events[[spec.event.id, spec.event.label]].dropna().drop_duplicates(spec.event.id, keep="last").rename(
        columns={spec.event.label: "truth"}
    )  # fmt: skip


def _volume(scope: Scope, logged: pd.DataFrame, rows: pd.DataFrame) -> list[Figure]:
    figures = [scope.figure("rows", len(logged)), scope.figure("duplicates", len(logged) - len(rows))]
    if len(logged):
        for name, quantile in (("latency_p50_ms", 0.5), ("latency_p99_ms", 0.99)):
            figures.append(scope.figure(name, logged["latency_ms"].quantile(quantile), n=len(logged)))
    return figures


def _inputs(scope: Scope, baseline: Mapping[str, Any], rows: pd.DataFrame, unmatched: int) -> list[Figure]:
    """Missing features, rows without truth, drift of features and predictions."""
    spec, n = scope.spec, len(rows)
    drifts = drift.feature_drift(spec, baseline, rows)
    missing = rows[spec.feature_names].isna()
    share = float(missing.to_numpy().mean())
    shifted = sum(psi > spec.monitoring.drift_threshold for psi, _ in drifts.values())
    answers = drift.prediction_drift(baseline, rows["probability"].to_numpy())
    return [
        *(scope.figure("psi", psi, name, n) for name, (psi, _) in drifts.items()),
        *(scope.figure("js", js, name, n) for name, (_, js) in drifts.items()),
        *(scope.figure("missing", missing[name].mean(), name, n) for name in spec.feature_names),
        scope.figure("drifted_features", shifted, n=n),
        scope.figure("prediction_psi", answers[0], n=n),
        scope.figure("prediction_js", answers[1], n=n),
        scope.figure("prediction_mean", rows["probability"].mean(), n=n),
        scope.figure("missing_share", share, n=n),
        scope.figure("missing_increase", share - drift.missing_share(baseline), n=n),
        scope.figure("labelled", n - unmatched, n=n),
        scope.figure("unmatched", unmatched, n=n),
    ]


def _skew(scope: Scope, rows: pd.DataFrame, offline: pd.DataFrame | None) -> list[Figure]:
    """Share of rows whose feature was served with another value than the offline store has for the event."""
    if offline is None:
        return []
    spec = scope.spec
    shared = [n for n in spec.feature_names if n in offline]
    both = rows[[spec.event.id, *shared]].merge(
        offline[[spec.event.id, *shared]], on=spec.event.id, suffixes=("", ":offline")
    )
    if both.empty:
        return []
    kinds = {f.name: f.kind for f in spec.features}
    skewed = {n: _differs(both[n], both[f"{n}:offline"], kinds[n]).mean() for n in shared}
    return [scope.figure("feature_skew", share, name, len(both)) for name, share in skewed.items()]


def _differs(served: pd.Series, stored: pd.Series, kind: str) -> np.ndarray:
    if kind == "categorical":
        return (served.astype(str).where(served.notna(), "") != stored.astype(str).where(stored.notna(), "")).to_numpy()
    # float32 on the way through the model server is no skew
    a, b = (pd.to_numeric(s, errors="coerce").to_numpy(dtype=float) for s in (served, stored))
    return ~np.isclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)


def _quality(scope: Scope, baseline: Mapping[str, Any], known: pd.DataFrame, seed: int) -> list[Figure]:
    """Metrics with intervals, calibration, label rate, loss against the baseline and whether it is a breach."""
    if not _measurable(known):
        return []
    spec, y, p = scope.spec, known["truth"].to_numpy(dtype=bool), known["probability"].to_numpy()
    primary, metrics = spec.metrics.primary, list(dict.fromkeys([spec.metrics.primary, *spec.metrics.secondary]))
    limits = spec.comparison
    try:
        drawn = paired(y, {"release": p}, metrics, limits.resamples, limits.confidence, seed=seed)
    except EvaluationError as error:
        raise DataError(f"predictions of {scope.release} in {scope.period}: {error}") from error
    figures = [scope.interval(m, drawn.interval(m, "release")) for m in metrics]
    figures.append(scope.figure("calibration_error", calibration_error(y, p), n=len(y)))
    figures.append(scope.figure("label_rate", y.mean(), n=len(y)))
    if primary in baseline["metrics"]:
        was = Interval.model_validate(baseline["metrics"][primary]).value
        figures += _loss(scope, was, drawn.interval(primary, "release"))
    return figures


def _measurable(known: pd.DataFrame) -> bool:
    positives = int(known["truth"].sum())
    return min(positives, len(known) - positives) >= CLASS_ROWS


def _loss(scope: Scope, was: float, now: Interval) -> list[Figure]:
    """A breach: the loss exceeds what the spec allows, and the interval excludes the baseline."""
    spec, sign = scope.spec, direction(scope.spec.metrics.primary)
    loss = sign * (was - now.value)
    bounds = sorted((sign * (was - now.low), sign * (was - now.high)))
    breached = loss > spec.monitoring.performance_loss and bounds[0] > 0
    figure = Interval(value=loss, low=bounds[0], high=bounds[1], n=now.n)
    return [scope.interval("performance_loss", figure), scope.figure("breached", breached, n=now.n)]


def _counterfactual(scope: Scope, known: pd.DataFrame, releases: Iterable[str], seed: int) -> list[Figure]:
    """The primary metric that other releases would have had on the same requests."""
    releases = list(releases)
    if not releases or not _measurable(known):
        return []
    spec, y = scope.spec, known["truth"].to_numpy(dtype=bool)
    models = {name: known[f"rescored:{name}"].to_numpy() for name in releases}
    primary, limits = spec.metrics.primary, spec.comparison
    drawn = paired(y, models, [primary], limits.resamples, limits.confidence, seed=seed)
    name = f"counterfactual_{primary}"
    return [Scope(spec, r, scope.period).interval(name, drawn.interval(primary, r)) for r in releases]


def _windows(scope: Scope, figures: Sequence[Figure], history: Sequence[Figure]) -> list[Figure]:
    """How many of the last n periods of this release were breached; a period measured again counts once."""
    mine = [f for f in figures if f.name == "breached"]
    if not mine:
        return []
    first = Period(key=scope.period).shift(1 - scope.spec.monitoring.windows.of).key
    breached = {f.period: f.value for f in history if _counts(scope, f, first)} | {scope.period: mine[0].value}
    return [scope.figure("breached_windows", sum(breached.values()), n=len(breached))]


def _counts(scope: Scope, figure: Figure, first: str) -> bool:
    same = (figure.usecase, figure.release, figure.name) == (scope.spec.name, scope.release, "breached")
    return same and first <= figure.period < scope.period
