"""Performance estimated before labels are known: always shown, trusted only after it proved better than no estimate.

Answers are estimated by what the release keeps of its test set (``evaluation.estimator``). The interval is of the
window's blocks and of the labels that they will get; labels of one block scatter together as they did in the test set.
"""

import numpy as np

from include.contracts.evaluation import Interval
from include.contracts.operations import Figure
from include.errors import UndefinedMetricError
from include.evaluation.estimator import estimable, kept
from include.evaluation.expected import Expected
from include.evaluation.intervals import of_error
from include.evaluation.metrics import direction
from include.evaluation.power import effective_rows
from include.families.serving import logged_scores
from include.operations.performance.losses import is_breach
from include.operations.performance.performance import ROWS
from include.operations.performance.trust import Trust, estimate_of
from include.operations.windows import windows
from include.operations.windows.maturity import MOST_IMMATURE
from include.operations.windows.states import lack, too_few
from include.operations.windows.window import Window

BREACHED, BREACHED_WINDOWS = "estimated_breached", "estimated_breached_windows"


def figures(window: Window) -> list[Figure]:
    """The estimated primary metric with its loss, how far it is trusted, and whether it is a breach.

    None where nothing can be estimated: clusters, metrics that are no mean of errors, releases that were packaged
    without an estimator.
    """
    spec, primary, model = window.spec, window.spec.metrics.primary, kept(window.baseline)
    if model is None or not estimable(spec) or len(window.asked) < ROWS:
        return []
    try:
        expected = model.expected(primary, window.asked, logged_scores(spec, window.asked))
    except UndefinedMetricError as error:
        nothing = window.scope.figure("not_measured", len(window.asked), estimate_of(spec), len(window.asked))
        return [nothing.model_copy(update={"state": "constant", "note": str(error)})]
    trust = Trust.of(spec, window.scope.period, window.history)
    state = {} if trust.trusted else {"state": "provisional", "note": trust.note}
    estimate = window.scope.interval(estimate_of(spec), _interval(window, expected)).model_copy(update=state)
    [estimate] = too_few([estimate], lack(window.asked_blocks))
    return [estimate, *_trust(window, trust), *_loss(window, estimate, trust.trusted)]


def _interval(window: Window, expected: Expected) -> Interval:
    blocks, primary, n = window.asked_blocks, window.spec.metrics.primary, len(window.asked)
    labels = expected.labels * _together(window)
    variance = expected.variance(blocks.codes, blocks.count) + labels
    tail = (1 - window.spec.comparison.confidence) / 2
    low, high = of_error(primary, expected.value, float(np.sqrt(variance)), tail, blocks.count, n)
    by_rows = expected.variance(np.arange(n), n) + expected.labels
    return Interval(value=expected.value, low=low, high=high, n=n, effective_n=effective_rows(n, by_rows, variance))


def _together(window: Window) -> float:
    """How many times the variance by labels is that of independent ones, in the release's test set; at least 1."""
    tested = window.baseline["metrics"].get(window.spec.metrics.primary, {})
    return max(1.0, tested["n"] / tested["effective_n"]) if tested.get("effective_n") else 1.0


def _trust(window: Window, trust: Trust) -> list[Figure]:
    scope, n = window.scope, len(trust.windows)
    told = [scope.figure("estimate_trusted", trust.trusted, n=n, note=trust.note)]
    if n:
        told.append(scope.figure("estimate_error", trust.error, n=n))
        told.append(scope.figure("last_known_error", trust.last_known_error, n=n))
    return told


def _loss(window: Window, estimate: Figure, trusted: bool) -> list[Figure]:
    """Against the release's test set, in units of the primary metric; a breach only if it is trusted and labels wait.

    Without a metric of the test set there is no loss; of too few blocks there is no breach.
    """
    scope, spec, primary = window.scope, window.spec, window.spec.metrics.primary
    if primary not in window.baseline["metrics"] or estimate.low is None or estimate.high is None:
        return []
    was, sign = Interval.model_validate(window.baseline["metrics"][primary]).value, direction(primary)
    low, high = sorted((sign * (was - estimate.low), sign * (was - estimate.high)))
    value = sign * (was - estimate.value)
    loss = estimate.model_copy(update={"name": "estimated_loss", "value": value, "low": low, "high": high})
    waits = window.labels_due < 1 - MOST_IMMATURE
    sure = trusted and waits and window.asked_blocks.enough
    breached = sure and is_breach(value, low, spec.monitoring.performance_loss)
    return [loss, scope.figure(BREACHED, breached, n=estimate.n), _breached_windows(window, breached)]


def _breached_windows(window: Window, breached: bool) -> Figure:
    """How many of the last windows of this release are breached: by labels, or by an estimate while they wait."""
    spec, release = window.spec, window.scope.release
    ends = windows.ends_of(spec, window.scope.period)[:-1]
    mine = {(f.period, f.name): f.value for f in window.history if f.release == release and f.period in ends}
    of = {end: max(mine.get((end, name), 0.0) for name in ("breached", BREACHED)) for end in ends}
    return window.scope.figure(BREACHED_WINDOWS, sum(of.values()) + breached, n=len({end for end, _ in mine}) + 1)
