"""Months whose numbers drift by season: each is another, and sound."""

import numpy as np
import pandas as pd

from include.contracts.guard import Oddity, PeriodProfile
from include.contracts.period import Period
from include.evaluation.guard.judgement import oddities
from include.evaluation.guard.profile import profile
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec

PLACES = ["EWR", "JFK", "LGA"]
MONTHS = Period.between(Period("2013-01"), Period("2013-08"))
NUMBERS = ("x", "dew", "distance")


def spec() -> UseCase:
    """A warmth ``x`` and its dew point drift; a distance hangs on the place, the label on the warmth."""
    features = [{"name": name, "kind": "numeric", "from": "on_request"} for name in NUMBERS]
    return small_spec(features=[*features, {"name": "origin", "kind": "categorical", "from": "request"}])


def month(period: Period, rows: int = 900) -> pd.DataFrame:
    number = int(period[-2:])
    random = np.random.default_rng(number)
    days = np.sort(random.integers(0, 28, rows))
    place = random.choice(3, rows, p=[0.5, 0.3, 0.2])
    warmth = 40 - 30 * np.cos(2 * np.pi * number / 12) + random.normal(0, 6, 28)[days] + random.normal(0, 3, rows)
    start = pd.Timestamp(f"{period}-01T12:00Z")
    hours = random.integers(0, 12, rows)
    late = random.random(rows) < 1 / (1 + np.exp(-(warmth - warmth.mean()) / 3)) * 0.6
    return pd.DataFrame(
        {
            "flight_id": [f"{period}_{place}" for place in range(rows)],
            "event_timestamp": start + pd.to_timedelta(days, unit="D") + pd.to_timedelta(hours, unit="h"),
            "x": warmth.round(1),
            "dew": (warmth - np.abs(random.normal(8, 3, rows))).round(1),
            "distance": random.choice([500.0, 760.0, 1400.0], rows) + 40 * place,
            "origin": np.array(PLACES)[place],
            "late": late.astype(float),
        }
    )


def described(period: Period, rows: pd.DataFrame) -> PeriodProfile:
    known = rows["late"].notna()
    return profile(spec(), period, rows[known], unlabelled=int((~known).sum()))


def found(rows: pd.DataFrame, before: list[PeriodProfile], period: Period = MONTHS[-1]) -> list[Oddity]:
    return oddities(spec(), before, described(period, rows), 0.02)
