"""How often the rule of release lets a candidate through whose true gain is known: its error rate and its power.

Scores are drawn, not fitted: champion and candidate see the same row through noise of which a part is shared, as two
models of the same data do.
"""

from collections.abc import Callable

import numpy as np

from include.evaluation.blocks import Blocks
from include.evaluation.bootstrap import paired
from include.evaluation.difference import Difference
from include.evaluation.metrics import direction, score

Drawn = tuple[np.ndarray, dict[str, np.ndarray]]
SHARED = 0.8  # of the noise; the rest is each model's own


def classes(n: int, gain: float, seed: int) -> Drawn:
    """Binary labels and probabilities; the candidate separates the classes by ``gain`` standard deviations more."""
    random = np.random.default_rng(seed)
    y = random.random(n) < 0.25
    shared = SHARED * random.normal(size=n)
    own = np.sqrt(1 - SHARED**2)
    margins = (shared + own * random.normal(size=n) + skill * y for skill in (0.75, 0.75 + gain))
    champion, candidate = (1 / (1 + np.exp(-m)) for m in margins)
    return y, {"champion": champion, "candidate": candidate}


def numbers(n: int, gain: float, seed: int) -> Drawn:
    """Numbers and their estimates; the candidate's error is ``gain`` (a share) smaller than the champion's."""
    random = np.random.default_rng(seed)
    y = random.normal(size=n)
    shared, own = SHARED * random.normal(size=n), np.sqrt(1 - SHARED**2)
    errors = [shared + own * random.normal(size=n) for _ in range(2)]
    return y, {"champion": y + errors[0], "candidate": y + (1 - gain) * errors[1]}


def useless_average(n: int, _: float, seed: int) -> Drawn:
    """A candidate so bad that its average with the champion is exactly as good as the champion alone.

    Independent errors of variance 1 and 3 average to an error of variance 1.
    """
    random = np.random.default_rng(seed)
    y = random.normal(size=n)
    champion, candidate = y + random.normal(size=n), y + np.sqrt(3) * random.normal(size=n)
    return y, {"champion": champion, "candidate": candidate, "ensemble": (champion + candidate) / 2}


Draw = Callable[[int, float, int], Drawn]
CASES: dict[str, Draw] = {"roc_auc": classes, "log_loss": classes, "mae": numbers, "r2": numbers}


def release_rate(
    metric: str,
    gain: float,
    *,
    n: int,
    runs: int,
    min_gain: float = 0.0,
    probability: float = 0.9,
    resamples: int = 200,
    draw: Draw | None = None,
    who: str = "candidate",
) -> float:
    """Share of the simulated evaluations that release, by the rule of ``net_value`` with no other cost."""
    passed = 0
    for run in range(runs):
        y, models = (draw or CASES[metric])(n, gain, run)
        drawn = paired(y, models, [metric], resamples, seed=run)
        blocks = Blocks("row", np.arange(n), n)
        found = Difference(drawn.gain(metric, who, "champion"), drawn.gains(metric, who, "champion"), blocks)
        passed += found.probability() >= probability and found.figure.value > min_gain
    return passed / runs


def true_gain(metric: str, gain: float, n: int = 400_000) -> float:
    """The gain of the candidate in the metric itself, from many rows."""
    y, models = CASES[metric](n, gain, 10**6)
    values = {who: score(metric, y, p) for who, p in models.items()}
    return direction(metric) * (values["candidate"] - values["champion"])
