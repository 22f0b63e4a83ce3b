"""How many of the labels are known so long after the event: the Kaplan-Meier estimate by age.

A label that is not known is one that will be known later than now, or never: its event counts until now (right
censored: Kaplan and Meier, Journal of the American Statistical Association 53, 1958).
"""

import warnings
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import CensoredData, ecdf

from include.contracts.operations import Figure
from include.operations.windows import maturity
from include.operations.windows.scope import Scope
from include.specification.usecase import UseCase

PARTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
"""Of ``event.label_delay``: the ages of which the curve is recorded."""


@dataclass(frozen=True)
class MaturityCurve:
    """``ages`` (n,) in hours: when the label of each event was known, or how old it is; ``known`` (n,) says which.

    ``oldest`` is the age of the oldest event: of later labels nothing is known.
    """

    ages: np.ndarray
    known: np.ndarray
    oldest: float

    @cached_property
    def _estimate(self) -> Any:
        return ecdf(CensoredData(self.ages[self.known], right=self.ages[~self.known]))

    def at(self, hours: np.ndarray) -> np.ndarray:
        """The share of labels that is known at each of these ages, (k,)."""
        return np.asarray(self._estimate.cdf.evaluate(hours), dtype=float)

    def bounds(self, hours: float, confidence: float) -> tuple[float, float] | None:
        """Of the share, where rows are independent (Greenwood, by log-log); None where nobody knows."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)  # where all or none are known, it has no bounds
            found = self._estimate.cdf.confidence_interval(confidence)
        low, high = (float(end.evaluate(hours)) for end in found)
        return (low, high) if np.isfinite([low, high]).all() else None


def curve(spec: UseCase, events: pd.DataFrame, as_of: datetime) -> MaturityCurve | None:
    """That of ``events`` (n rows) with their time, label and the time of the label.

    None where no time of labels is told, none is known, or labels are due at once.
    """
    event = spec.event
    told = event.label is not None and {event.time, event.label, event.label_time} <= {*events}
    if not told or not event.label_delay.hours:
        return None
    events = events[pd.to_datetime(events[event.time], utc=True, cache=False) <= pd.Timestamp(as_of)]
    begun, ended = (pd.to_datetime(events[name], utc=True, cache=False) for name in (event.time, event.label_time))
    known = maturity.known(spec, events, as_of) & ended.notna().to_numpy()
    if not known.any():
        return None
    age, hours = (_hours(end - begun) for end in (pd.Timestamp(as_of), ended.where(known, pd.Timestamp(as_of))))
    return MaturityCurve(np.maximum(hours, 0.0), known, float(age.max()))


def usually_known(spec: UseCase, found: MaturityCurve, asked: pd.DataFrame, as_of: datetime) -> float | None:
    """The share of the labels of the rows that is usually known by now; None where no time is told."""
    if spec.event.time not in asked or asked.empty:
        return None
    age = _hours(pd.Timestamp(as_of) - pd.to_datetime(asked[spec.event.time], utc=True, cache=False))
    return float(np.where(age < 0, 0.0, found.at(age)).mean())


def _hours(lengths: pd.Series) -> np.ndarray:
    return (lengths.dt.total_seconds() / 3600).to_numpy(dtype=float)


def figures(scope: Scope, found: MaturityCurve | None) -> list[Figure]:
    """``label_maturity`` by age: the share of labels that is known so long after the event."""
    delay = scope.spec.event.label_delay.hours
    return [_figure(scope, found, part * delay) for part in PARTS] if found else []


def _figure(scope: Scope, found: MaturityCurve, hours: float) -> Figure:
    share = float(found.at(np.array([hours]))[0])
    figure = scope.figure("label_maturity", share, f"{hours:g}h", len(found.ages))
    if found.oldest < hours:
        return figure.model_copy(update={"state": "too few", "note": f"no event is older than {found.oldest:.3g} h"})
    if bounds := found.bounds(hours, scope.spec.comparison.confidence):
        return figure.model_copy(update={"low": bounds[0], "high": bounds[1]})
    return figure
