"""Whether a release gains in later windows what its verdict stated, as far as the parts of the test set told.

A verdict states the gain in each part (a day, a period) of its new test set. The mean gain of ``k`` later parts like
its ``m`` ones lies, with the confidence of the evaluation, within mean ± t·s·√(1/k + 1/m), a prediction interval (Hahn
and Meeker, "Statistical Intervals", 1991, section 4.8). A gain outside of it says that the window is not like the test
set; whether the release is worse than the one that it replaced is what ``gain_over_replaced`` says.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from include.contracts.evaluation import Interval, PartGain
from include.contracts.operations import Figure
from include.contracts.period import Period
from include.evaluation.spread import gains_every
from include.families.registry import family
from include.families.serving import logged_scores
from include.operations.windows.states import of_labels
from include.operations.windows.window import Window

LEAST_PARTS = 3
"""Fewer stated gains say too little about how far they are apart."""
WHOLE = 0.5
"""A part with less than this share of the rows of the stated ones scatters more than they do."""


def figures(window: Window) -> list[Figure]:
    """``stated_gain`` with its prediction interval, and whether the gain is outside of it; [] without a verdict."""
    stated = [(other, parts) for other, parts in window.stated.items() if parts and other in window.rescored]
    return of_labels(window, [figure for other, parts in stated for figure in _checked(window, other, parts)])


def _checked(window: Window, other: str, stated: Sequence[PartGain]) -> list[Figure]:
    scope, name, every = window.scope, "gain_outside_spread", Period(stated[0].part).every
    measured = _measured(window, other, stated)
    if len(stated) < LEAST_PARTS or not measured:
        why = (
            f"needs {LEAST_PARTS} {every}s in the verdict's test set, has {len(stated)}"
            if len(stated) < LEAST_PARTS
            else f"needs a {every} with {_least_rows(stated)} labelled rows in the window"
        )
        return [scope.figure(name, 0, n=len(window.known), state="too few", note=why)]
    expected = predicted(stated, len(measured), scope.spec.comparison.confidence)
    found, rows = float(np.mean([part.gain for part in measured])), sum(part.rows for part in measured)
    where = "below" if found < expected.low else "above" if found > expected.high else "within"
    note = (
        f"mean gain over {other} in {len(measured)} {every}s {found:+.4f}, {where} {expected.low:+.4f} to "
        f"{expected.high:+.4f}, which {len(stated)} {every}s of the verdict's test set let expect"
    )
    return [scope.interval("stated_gain", expected), scope.figure(name, where != "within", n=rows, note=note)]


def predicted(stated: Sequence[PartGain], count: int, confidence: float) -> Interval:
    """The mean of the stated gains, with bounds of the mean gain of ``count`` further parts like them."""
    gains = np.array([part.gain for part in stated])
    error = gains.std(ddof=1) * np.sqrt(1 / count + 1 / len(gains))
    half, middle = float(stdtrit(len(gains) - 1, 0.5 + confidence / 2) * error), float(gains.mean())
    return Interval(value=middle, low=middle - half, high=middle + half, n=sum(part.rows for part in stated))


def _measured(window: Window, other: str, stated: Sequence[PartGain]) -> list[PartGain]:
    """The gain over the other release in the window's parts that are as long and about as full as the stated ones."""
    if window.known.empty:
        return []
    spec, every = window.spec, Period(stated[0].part).every
    truth, served = family(spec).truth(spec, window.known), logged_scores(spec, window.known)
    parts = gains_every(spec, window.known, every, truth, window.rescored[other], served)
    return [part for part in parts if part.rows >= _least_rows(stated)]


def _least_rows(stated: Sequence[PartGain]) -> int:
    return int(np.ceil(WHOLE * np.median([part.rows for part in stated])))
