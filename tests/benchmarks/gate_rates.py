"""How often the gain gate errs: candidates that are no better against the stated level, and power by true gain."""

from typing import Any

from tests.unit.evaluation.simulated_gates import CASES, release_rate, true_gain, useless_average

ROWS, RUNS, RESAMPLES, LEVEL, MIN_GAIN = 1000, 800, 400, 0.1, 0.01
POWER_ROWS, POWER_RUNS = 4000, 100
SKILLS = (0.04, 0.08, 0.12, 0.2)  # of roc_auc, in standard deviations


def bench() -> list[dict[str, Any]]:
    nothing = {m: release_rate(m, 0.0, n=ROWS, runs=RUNS, resamples=RESAMPLES) for m in CASES}
    nothing["mae of an ensemble"] = release_rate(
        "mae", 0.0, n=ROWS, runs=RUNS, resamples=RESAMPLES, probability=0.95, draw=useless_average, who="ensemble"
    )
    power = {
        round(true_gain("roc_auc", skill), 4): release_rate(
            "roc_auc", skill, n=POWER_ROWS, runs=POWER_RUNS, resamples=RESAMPLES, min_gain=MIN_GAIN
        )
        for skill in SKILLS
    }
    return [
        {
            "name": "false_promotions",
            "what": f"share of {RUNS} candidates without any gain that are released (min_gain 0, probability 0.9): the "
            "largest of the metrics against the stated level; samples have each",
            "ours": max(nothing.values()),
            "against": {"stated_level": LEVEL},
            "unit": "share",
            "n": ROWS,
            "samples": nothing,
        },
        {
            "name": "gate_power",
            "what": f"share of {POWER_RUNS} candidates that pass with min_gain {MIN_GAIN}; samples by true gain in AUC",
            "ours": max(power.values()),
            "against": {},
            "unit": "share",
            "n": POWER_ROWS,
            "samples": {str(gain): rate for gain, rate in power.items()},
        },
    ]
