"""A metric of drawn blocks is the metric on the rows of those blocks, also where only the sums of blocks are kept."""

import numpy as np
import pytest

from include.evaluation import bootstrap
from include.evaluation.blocks import Blocks
from include.evaluation.bootstrap import paired
from include.evaluation.metrics import score
from tests.unit.evaluation.judged_rows import judged, metrics_of


@pytest.mark.parametrize("digits", [1, 12])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_resample_by_days_is_the_metric_on_the_rows_of_the_drawn_days(
    task: str, digits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    y, p = judged(task, 240, digits=digits)
    codes = np.sort(np.random.default_rng(1).integers(0, 12, 240))
    days, metrics = Blocks("day", codes, 12), metrics_of(task)
    drawn = paired(y, {"m": p}, metrics, resamples=4, seed=3, blocks=days)
    random = np.random.default_rng(3)
    for i in range(4):
        rows = np.concatenate([np.flatnonzero(codes == day) for day in random.integers(0, 12, 12)])
        for metric in metrics:
            assert drawn.draws[metric, "m"][i] == pytest.approx(score(metric, y[rows], p[rows]), abs=1e-9)
    monkeypatch.setattr(bootstrap, "MOST_GROUPED", 0)
    ungrouped = paired(y, {"m": p}, metrics, resamples=4, seed=3, blocks=days)
    for metric in metrics:
        np.testing.assert_allclose(drawn.draws[metric, "m"], ungrouped.draws[metric, "m"], atol=1e-12)
