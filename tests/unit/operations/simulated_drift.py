"""Months in which nothing changes, simulated: how often drift is found there is compared with what is stated."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from include.contracts.period import Period
from include.operations.drift import drift, drift_figures
from include.operations.windows.scope import Scope
from include.operations.windows.window import Window
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec

DAYS, BEFORE = 30, 3000


@dataclass(frozen=True)
class Unchanged:
    """Windows of so many ``rows`` on ``DAYS`` days; by ``day`` each day has more or less of everything than others."""

    rows: int
    unit: str = "day"
    features: int = 1
    of_day: float = 0.4
    before: int = BEFORE

    @cached_property
    def spec(self) -> UseCase:
        features = [{"name": f"x{i}", "kind": "numeric", "from": "on_request"} for i in range(self.features)]
        return small_spec(features=features, comparison={"block": self.unit})

    def month(self, random: np.random.Generator, rows: int) -> pd.DataFrame:
        """Answers (rows,) of a month; days have more or fewer rows."""
        busy = random.lognormal(0, 0.2, DAYS)
        day = np.repeat(np.arange(DAYS), random.multinomial(rows, busy / busy.sum()))
        own = (self.of_day if self.unit == "day" else 0.0) * random.normal(size=(DAYS, self.features))
        values = pd.DataFrame(random.normal(size=(rows, self.features)) + own[day], columns=self.spec.feature_names)
        moments = pd.Timestamp("2013-06-01 16:00", tz="UTC") + pd.to_timedelta(day, "D")
        return values.assign(**{self.spec.event.time: moments, "probability": 0.5})

    def window(self, seed: int) -> Window:
        """Of a baseline and a month of its own."""
        random, spec = np.random.default_rng(seed), self.spec
        test_set, asked = self.month(random, self.before), self.month(random, self.rows)
        baseline = drift.baseline(spec, test_set, test_set["probability"].to_numpy(), {})
        scope = Scope(spec, "r0001", Period("2013-06"))
        return drift_figures.with_drifts(Window(scope, baseline, asked, asked.head(0), {}, None, []))


def beyond_chance(window: Window) -> int:
    """Features whose drift is beyond chance."""
    return sum(found.psi > found.floor_at(window.level) for found in window.drifts.features.values())
