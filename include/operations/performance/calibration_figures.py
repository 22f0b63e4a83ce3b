"""Where answers of two classes are off: as a whole (intercept), and how sure they are (slope)."""

import numpy as np

from include.contracts.operations import Figure
from include.evaluation.blocks import Blocks
from include.evaluation.inputs import CLASS_ROWS
from include.evaluation.logistic_recalibration import line, unfit
from include.families.registry import family
from include.families.serving import logged_scores
from include.operations.windows.states import lack, of_labels, too_few
from include.operations.windows.window import Window
from include.operations.windows.windows import CALIBRATION_INTERCEPT, CALIBRATION_SLOPE


def figures(window: Window) -> list[Figure]:
    """``calibration_intercept`` and ``calibration_slope`` of binary answers, by blocks where they are enough.

    ``not_measured``, with the reason, where no line can be fitted: too few rows of a class, one answer for all.
    """
    spec, known, scope = window.spec, window.known, window.scope
    if family(spec).facts.threshold is None or known.empty:
        return []
    y, p = family(spec).truth(spec, known), logged_scores(spec, known)
    rarest = min(family(spec).class_rows(spec, y).values())
    few = f"needs {CLASS_ROWS} labelled rows of each class, has {rarest} of the rarest" if rarest < CLASS_ROWS else ""
    if why := few or unfit(y, p):
        names = (CALIBRATION_INTERCEPT, CALIBRATION_SLOPE)
        return of_labels(window, too_few([scope.figure("not_measured", len(y), name, len(y)) for name in names], why))
    rows = Blocks("row", np.arange(len(y)), len(y))
    fitted = line(y, p, window.known_blocks if window.known_blocks.enough else rows, spec.comparison.confidence)
    found = [
        scope.interval(CALIBRATION_INTERCEPT, fitted.intercept),
        scope.interval(CALIBRATION_SLOPE, fitted.slope),
    ]
    return of_labels(window, too_few(found, lack(window.known_blocks)))
