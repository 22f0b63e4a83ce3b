"""The calibrator of a fitted model: chosen and fitted on the validation part, which the fit does not learn from.

Sources: Platt, "Probabilistic outputs for support vector machines", 1999 (a logistic curve over log-odds); Zadrozny and
Elkan, KDD 2002 (isotonic regression, and one class against the rest where there are several); Niculescu-Mizil and
Caruana, ICML 2005 (isotonic regression needs about 1,000 rows).

How frequent a class is, a fit knows from all its training rows, and the validation window is short: on flights, the
share of late ones of one week is a worse guess of the next month's. So the mean answer stays where it was, and only how
sure the answers are is repaired; unless the fit weighs its classes, and does not know how frequent they are.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from include.errors import TrainingError
from include.evaluation.calibrator import Calibrator, Curve, Method
from include.evaluation.metrics import log_losses
from include.specification.usecase import UseCase

STRETCHES = 10
"""Parts of the validation window, one after the other in time: what one loses is told by a fit on the others."""
LEAST: Mapping[Method, tuple[int, int]] = {"sigmoid": (200, 20), "isotonic": (1000, 100)}
"""Rows, and rows of the rarest class, below which a curve follows chance."""
POINTS = 40  # of a curve
STEEPEST = 20.0  # float32 answers of two runtimes differ by 1e-6: a curve may make 2e-5 of it
MOVED = 20.0  # log-odds: more moves nothing
LEAST_SCORE = 1e-9  # nearer to 0 or 1, log-odds say nothing


def calibrator(spec: UseCase, frame: pd.DataFrame, scores: np.ndarray, y: np.ndarray) -> Calibrator:
    """That of a model with these ``scores`` of the validation rows ``frame``, whose truth is ``y``.

    With ``trainer.calibration: auto`` a method is taken when it lowers the log loss, each stretch of the window told by
    a fit on the others, by more than a standard error; isotonic when it is that much better than sigmoid.
    """
    wanted = spec.trainer.calibration
    if wanted == "none":
        return Calibrator(why="trainer.calibration says so")
    y = np.asarray(y).astype(np.int64)
    known = [method for method in LEAST if wanted in ("auto", method) and _enough(method, scores, y)]
    if not known:
        return Calibrator(why=_too_few(wanted, scores, y))
    stretch = _stretches(spec, frame)
    level = spec.trainer.imbalance == "weights"
    losses = {method: _held_out(method, scores, y, stretch, level) for method in ("none", *known)}
    method = known[0] if wanted != "auto" else _chosen(losses)
    return Calibrator(method=method, curves=_curves(method, scores, y, level), why=_told(losses, len(y)))


def level_calibrator(scores: np.ndarray, y: np.ndarray) -> Calibrator:
    """What served answers are worth on labelled rows, with the share of positives of these rows.

    Isotonic; of fewer rows than that takes sigmoid, which hardly follows chance.
    """
    y = np.asarray(y).astype(np.int64)
    known = [method for method in reversed(tuple[Method, ...](LEAST)) if _enough(method, scores, y)]
    if not known:
        return Calibrator(why=_too_few("auto", scores, y))
    return Calibrator(method=known[0], curves=_curves(known[0], scores, y, True), why=f"{len(y):,} labelled rows")


def anew(spec: UseCase, frame: pd.DataFrame, scores: np.ndarray, y: np.ndarray) -> Calibrator:
    """A calibrator for a model that stays as it is, where classes have become more or less frequent.

    It is fitted on the labelled rows ``frame``, whose mean answer becomes their share of each class: isotonic where the
    spec allows it and it lowers the log loss by more than a standard error, else sigmoid. Raises TrainingError when the
    spec says ``trainer.calibration: none``, or the rows are too few.
    """
    wanted = spec.trainer.calibration
    if wanted == "none":
        raise TrainingError(f"{spec.name}: nothing is recalibrated with trainer.calibration: none; set it to auto")
    y = np.asarray(y).astype(np.int64)
    known = [method for method in LEAST if wanted in ("auto", method) and _enough(method, scores, y)]
    if not known:
        raise TrainingError(
            f"{spec.name}: too few rows to recalibrate on: {_too_few(wanted, scores, y, 'wait for more labels')}"
        )
    stretch = _stretches(spec, frame)
    losses = {method: _held_out(method, scores, y, stretch, level=True) for method in known}
    method = _chosen(losses)
    return Calibrator(method=method, curves=_curves(method, scores, y, level=True), why=_told(losses, len(y)))


def recalibrated(spec: UseCase, frame: pd.DataFrame, scores: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    """What a recalibration would make of the answers to labelled rows, each stretch by a fit on the others.

    None for too few rows. Always sigmoid, which follows a share of positives that has moved.
    """
    y = np.asarray(y).astype(np.int64)
    return (
        _told_apart("sigmoid", scores, y, _stretches(spec, frame), level=True)
        if _enough("sigmoid", scores, y)
        else None
    )


def _told_apart(method: Method, scores: np.ndarray, y: np.ndarray, stretch: np.ndarray, level: bool) -> np.ndarray:
    """Calibrated scores of every row, by curves that were fitted on the rows of the other stretches."""
    answers = np.array(scores, dtype=np.float64)
    for one in np.unique(stretch):
        here = stretch == one
        answers[here] = Calibrator(method=method, curves=_curves(method, scores[~here], y[~here], level)).apply(
            answers[here]
        )
    return answers


def _held_out(method: Method, scores: np.ndarray, y: np.ndarray, stretch: np.ndarray, level: bool) -> np.ndarray:
    """Log loss of each stretch, with its own share of positives unless the ``level`` is to be repaired."""
    answers, losses = _told_apart(method, scores, y, stretch, level), []
    for one in np.unique(stretch):
        here = stretch == one
        given = answers[here] if level else _with_shares(answers[here], y[here])
        losses.append(log_losses(y[here], given).mean())
    return np.array(losses)


def _with_shares(answers: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Answers by Bayes' rule where classes are as frequent as in ``y``: what is left is how sure they are."""
    table = answers if answers.ndim == 2 else np.stack([1 - answers, answers], axis=1)
    shares = (np.bincount(y, minlength=table.shape[1]) + 1) / (len(y) + table.shape[1])
    moved = table * shares / table.mean(axis=0)
    moved /= moved.sum(axis=1, keepdims=True)
    return moved if answers.ndim == 2 else moved[:, 1]


def _stretches(spec: UseCase, frame: pd.DataFrame) -> np.ndarray:
    """Which stretch each row is in; equally many rows in each."""
    times = frame[spec.event.time] if spec.event.time in frame else pd.Series(np.arange(len(frame)))
    rank = times.rank(method="first", na_option="bottom").to_numpy().astype(np.int64) - 1
    return rank * STRETCHES // len(frame)


def _enough(method: Method, scores: np.ndarray, y: np.ndarray) -> bool:
    rows, rarest = LEAST[method]
    return len(y) >= rows and _rarest(scores, y) >= rarest


def _rarest(scores: np.ndarray, y: np.ndarray) -> int:
    return int(np.bincount(y, minlength=2 if scores.ndim == 1 else scores.shape[1]).min())


def _too_few(wanted: str, scores: np.ndarray, y: np.ndarray, way_out: str = "lengthen split.validation") -> str:
    rows, rarest = LEAST["isotonic" if wanted == "isotonic" else "sigmoid"]
    there = f"{len(y):,} validation rows, {_rarest(scores, y):,} of the rarest class"
    return f"{there}; it takes {rows:,} and {rarest:,}: {way_out}"


def _chosen(losses: Mapping[Method, np.ndarray]) -> Method:
    """The simplest one that none beats by more than a standard error over the stretches."""
    best = next(iter(losses))
    for method, loss in losses.items():
        gain = losses[best] - loss
        if gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)):
            best = method
    return best


def _told(losses: Mapping[Method, np.ndarray], rows: int) -> str:
    figures = ", ".join(f"{name} {loss.mean():.5f}" for name, loss in losses.items())
    return f"log loss on {rows:,} validation rows, each of {STRETCHES} stretches by a fit on the others: {figures}"


def _curves(method: Method, scores: np.ndarray, y: np.ndarray, level: bool) -> tuple[Curve, ...]:
    """``level``: the mean answer becomes the share of the class among these rows; else it stays as it is."""
    if method == "none":
        return ()
    points = POINTS_OF[method]
    columns = [(scores, y == 1)] if scores.ndim == 1 else [(column, y == k) for k, column in enumerate(scores.T)]
    return tuple(_curve(*points(*one), () if level else one[0]) for one in columns)


Points = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Scores and probabilities, both rising, and the rows behind each."""


def _isotonic(scores: np.ndarray, positive: np.ndarray) -> Points:
    """The middle of each block: a block as a whole would make its rows equal, which were ranked."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0, y_max=1).fit_transform(scores, positive.astype(np.float64))
    order = np.argsort(scores, kind="stable")
    block = np.unique(fitted[order], return_inverse=True)[1]
    middle = np.searchsorted(block, block, side="left") + np.searchsorted(block, block, side="right")
    part = middle * POINTS // (2 * len(block) + 1)  # blocks that are small are one
    rows = np.bincount(part)
    means = [np.bincount(part, weights=values[order])[rows > 0] / rows[rows > 0] for values in (scores, positive)]
    return means[0], means[1], rows[rows > 0]


def _sigmoid(scores: np.ndarray, positive: np.ndarray) -> Points:
    """The logistic curve at quantiles of the scores."""
    from sklearn.linear_model import LogisticRegression

    share = np.array([scores.mean()]), np.array([positive.mean()]), np.array([len(scores)])
    if positive.all() or not positive.any():
        return share
    with _threads().limit(limits=1):  # with one column, other threads would only wait, and burn their core
        curve = LogisticRegression(C=100.0).fit(_log_odds(scores)[:, None], positive)
    at = np.unique(np.quantile(scores, np.linspace(0, 1, POINTS)))
    if curve.coef_[0, 0] <= 0 or len(at) < 2:  # the scores do not rank
        return share
    return at, curve.predict_proba(_log_odds(at)[:, None])[:, 1], np.full(len(at), len(scores) / len(at))


@cache
def _threads() -> Any:
    """What limits the threads of the libraries that are loaded by now, those of a fit; to find them takes as long."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _log_odds(scores: np.ndarray) -> np.ndarray:
    p = np.clip(scores.astype(np.float64), LEAST_SCORE, 1 - LEAST_SCORE)
    return np.log(p) - np.log1p(-p)


POINTS_OF: Mapping[Method, Callable[[np.ndarray, np.ndarray], Points]] = {"sigmoid": _sigmoid, "isotonic": _isotonic}


def _curve(at: np.ndarray, probabilities: np.ndarray, rows: np.ndarray, scores: Sequence[float] | np.ndarray) -> Curve:
    """Through the points and on to the scores 0 and 1, where one more row of the class there is thought to be.

    The mean of ``scores``, where there are any, stays as it is.
    """
    p = _inside(probabilities, rows)
    p = _kept_level(at, p, np.asarray(scores)) if len(scores) else p
    x, p, n = _gentle(at, p, rows.astype(np.float64))
    low, high = p[0] * n[0] / (n[0] + 1), (p[-1] * n[-1] + 1) / (n[-1] + 1)
    low, high = max(low, p[0] - STEEPEST * x[0]), min(high, p[-1] + STEEPEST * (1 - x[-1]))
    points = zip([0.0, *x, 1.0], [low, *p, high], strict=True)
    kept: list[tuple[float, float]] = []
    for point in points:
        score, probability = (float(f"{value:.9g}") for value in point)  # another CPU may round the last digits
        if not kept or (score > kept[-1][0] and probability > kept[-1][1]):
            kept.append((score, probability))
    scores_kept, probabilities_kept = zip(*kept, strict=True)
    return Curve(scores=scores_kept, probabilities=probabilities_kept)


def _inside(probabilities: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """A share of 0 or 1 is one that half a row would have moved: no answer is certain."""
    p = np.array(probabilities, dtype=np.float64)
    least, most = 0.5 / (rows[0] + 1), 1 - 0.5 / (rows[-1] + 1)
    if len(p) > 1:
        least, most = min(least, p[1] / 2), max(most, (1 + p[-2]) / 2)
    p[0], p[-1] = max(p[0], least), min(p[-1], most)
    return p


def _kept_level(at: np.ndarray, p: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The probabilities moved in log-odds, so that the mean answer to the scores is the mean score."""
    from scipy.optimize import brentq

    mean, odds = float(scores.mean()), _log_odds(p)

    def apart(by: float) -> float:
        return float(np.interp(scores, at, _probability(odds + by)).mean()) - mean

    return _probability(odds + brentq(apart, -MOVED, MOVED)) if apart(-MOVED) < 0 < apart(MOVED) else p


def _probability(log_odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-log_odds))


def _gentle(x: np.ndarray, p: np.ndarray, n: np.ndarray) -> Points:
    """Neighbours between which the curve would be steeper than ``STEEPEST`` become one."""
    while len(x) > 1 and (slopes := np.diff(p) / np.diff(x)).max() > STEEPEST:
        at = int(slopes.argmax())
        weights = n[at : at + 2]
        for values in (x, p):
            values[at] = np.average(values[at : at + 2], weights=weights)
        n[at] = weights.sum()
        x, p, n = (np.delete(values, at + 1) for values in (x, p, n))
    return x, p, n
