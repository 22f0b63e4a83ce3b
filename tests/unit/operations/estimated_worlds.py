"""Months of one release in which the answers, or what the label follows, change."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.evaluation import Interval
from include.contracts.operations import Figure
from include.contracts.period import Period
from include.evaluation.bootstrap import paired
from include.evaluation.metrics import roc_area
from include.operations.drift import drift
from include.operations.monitoring.monitoring import measure
from include.operations.monitoring.window_inputs import WindowInputs
from include.operations.performance import estimated
from include.operations.performance.losses import is_breach
from include.operations.windows.scope import Scope
from include.operations.windows.window import Window
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec

SPEC = small_spec(metrics={"primary": "roc_auc", "secondary": []}, comparison={"resamples": 100})
SPREADS = (1.0, 0.4, 0.9, 0.3, 1.1, 0.5, 0.8, 0.35)
"""Of the feature, month by month: a narrow one is harder to rank."""


def answered(seed: int, period: Period, spread: float, concept: float, n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Log and truth of a month; the label follows ``concept`` times what the answers say."""
    random = np.random.default_rng(seed)
    x = spread * random.normal(size=n)
    late = random.random(n) < 1 / (1 + np.exp(-(concept * 2 * x - 1)))
    ids, start = [f"{seed}-{i}" for i in range(n)], SPEC.calendar.start(period)
    times = pd.Timestamp(start) + pd.to_timedelta(np.arange(n) % 28, "D")
    log = pd.DataFrame(
        {
            "request_id": ids, "flight_id": ids, "release": "r0001", "probability": 1 / (1 + np.exp(-(2 * x - 1))),
            "logged_at": times, "event_timestamp": times, "latency_ms": 1.0, "x": x, "origin": "JFK",
        }
    )  # fmt: skip
    return log, pd.DataFrame({"flight_id": ids, "late": late.astype(int), "event_timestamp": times})


def baseline(spec: UseCase = SPEC) -> dict[str, Any]:
    """Of a test month with a wide spread."""
    log, truth = answered(999, Period("2012-12"), 1.0, 1.0, 4000)
    area = roc_area(truth["late"].to_numpy().astype(bool), log["probability"].to_numpy())
    metrics = {"roc_auc": Interval(value=area, low=area - 0.01, high=area + 0.01, n=4000, effective_n=4000)}
    return drift.baseline(spec, log.assign(late=truth["late"]), log["probability"].to_numpy(), metrics)


BASELINE = baseline()


def judged(
    spec: UseCase, period: Period, log: pd.DataFrame, truth: pd.DataFrame, history: list[Figure]
) -> list[Figure]:
    """What trust and decision need of a labelled month, without the rest, most of whose time is its recalibration."""
    scope, known = Scope(spec, "r0001", period), log.assign(late=truth["late"])
    window = Window(scope, BASELINE, log, known, {}, None, history)
    y, p, was = known["late"].to_numpy().astype(bool), log["probability"].to_numpy(), BASELINE["metrics"]["roc_auc"]
    auc = paired(y, {"": p}, ["roc_auc"], 100, 0.95, blocks=window.known_blocks).interval("roc_auc", "")
    loss = Interval(value=was["value"] - auc.value, low=was["value"] - auc.high, high=was["value"] - auc.low, n=auc.n)
    breached = is_breach(loss.value, loss.low, spec.monitoring.performance_loss)
    counts = {"rows": len(log), "labelled": len(log), "unmatched": 0, "not_due": 0, "breached": breached}
    plain = [scope.figure(name, value) for name, value in counts.items()]
    return [
        *plain,
        scope.interval("roc_auc", auc),
        scope.interval("performance_loss", loss),
        *estimated.figures(window),
    ]


@dataclass
class Months:
    """Months that are measured one after the other, each with the figures of those before."""

    spec: UseCase = SPEC
    n: int = 1500
    history: list[Figure] = field(default_factory=list)
    months: int = 0

    def live(self, spread: float, concept: float = 1.0, labelled: bool = True) -> dict[str, Figure]:
        """The figures of the next month, by name; without labels it is measured when none is due."""
        period = Period("2013-01").shift(self.months)
        self.months += 1
        log, truth = answered(self.months, period, spread, concept, self.n)
        if labelled:
            found = judged(self.spec, period, log, truth, self.history)
        else:
            found = measure(
                self.spec,
                "r0001",
                BASELINE,
                WindowInputs(
                    predictions=log,
                    events=truth,
                    period=period,
                    history=self.history,
                    as_of=self.spec.calendar.start(period),
                ),
            )
        self.history += found
        return {figure.name: figure for figure in found if not figure.subject}
