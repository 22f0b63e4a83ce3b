"""Costs are those of this very process."""

import numpy as np
import pytest

from include.development.cost import Cost, Meter, figures, total


def test_memory_and_time_of_each_stage() -> None:
    meter = Meter()
    with meter.stage("large"):
        block = np.ones(20_000_000)
        assert block.sum() == len(block)
        del block
    with meter.stage("small"):
        pass
    assert meter.stages["large"].peak_mb > meter.stages["small"].peak_mb + 100
    assert meter.stages["large"].cpu_seconds > 0
    assert meter.stages["small"].seconds < meter.stages["large"].seconds


def test_a_failed_stage_has_its_cost_too() -> None:
    meter = Meter()
    with pytest.raises(ValueError, match="x"), meter.stage("failed"):
        raise ValueError("x")
    assert set(meter.stages) == {"failed"}


def test_times_add_up_and_the_largest_peak_counts() -> None:
    stages = {
        "read": Cost(seconds=1, cpu_seconds=2, peak_mb=300),
        "fit": Cost(seconds=3, cpu_seconds=6, peak_mb=200),
    }
    assert total(stages) == Cost(seconds=4, cpu_seconds=8, peak_mb=300)
    assert figures(stages)["training_cpu_seconds"] == 8
    assert figures(stages)["fit_peak_mb"] == 200
    assert total({}).peak_mb == 0
