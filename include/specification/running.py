"""How a model is rolled out and watched: rollout, monitoring, retraining."""

import re
from collections.abc import Iterator
from string import Template
from typing import Annotated, Literal

from pydantic import Field

from include.contracts.calendar import Span
from include.specification.part import (
    HOURS_MOST,
    SECONDS_MOST,
    Fault,
    Length,
    Name,
    Part,
    Reach,
    Share,
    SomeLength,
    named_alike,
)
from include.specification.schedule import Cron

COUNTER = re.compile(r"\b(\w+_total)\b\s*(?:\{[^}]*\})?\s*(\[)?")
"""A counter in PromQL, and whether a window follows."""
PLACEHOLDERS = ("usecase", "champion", "challenger", "window")
MOST_SLICED = 10
"""Columns by which figures are sliced: each has up to 53 slices."""


class AbortQuery(Part):
    """PromQL whose every sample must stay within the limit; no sample, and NaN, is no breach.

    ``$usecase``, ``$champion``, ``$challenger`` and ``$window`` (like ``30s``) are filled in; ``$$`` is a dollar sign.
    """

    name: str
    query: str
    above: float | None = None
    below: float | None = None

    def faults(self) -> Iterator[Fault]:
        if (self.above is None) == (self.below is None):
            yield Fault("", f"abort query {self.name!r} needs one limit: above or below")
        if not self.query.strip():
            yield Fault("query", f"abort query {self.name!r} is empty; write PromQL, or leave the query out")
        text = Template(self.query)
        unknown = set(text.get_identifiers()) - set(PLACEHOLDERS) if text.is_valid() else set()
        if unknown or not text.is_valid():
            named = ", ".join(f"${name}" for name in PLACEHOLDERS)
            yield Fault("query", f"abort query {self.name!r} may name {named}, not {sorted(unknown) or 'a bare $'}")
        for metric in (metric for metric, window in COUNTER.findall(self.query) if not window):
            yield Fault(
                "query",
                f"abort query {self.name!r} takes {metric} as it is: a counter has counted since its process began, "
                f"not in this step; write increase({metric}{{...}}[$window])",
            )


class Abort(Part):
    max_error_rate: Share
    max_p99_ms: float = Field(gt=0)
    max_prediction_shift: float = Field(ge=0)  # of the mean answer: a probability, or in units of the label
    queries: list[AbortQuery] = []

    def faults(self) -> Iterator[Fault]:
        return named_alike("queries", [query.name for query in self.queries])


class ShadowTest(Part):
    """Copies of the traffic are judged for ``bake_seconds``; then a read-out ends the rollout, or it goes on."""

    share: float = Field(default=1.0, gt=0, le=1)
    max_changed: Share = 0.2  # share of rows with another prediction
    max_difference: float = Field(default=0.1, ge=0)  # mean |shadow - champion| of the answer, in its unit
    then: Literal["stop", "promote"] = "stop"


class ABTest(Part):
    """How long the arms are compared on labelled rows, by which loss per row, and what an undecided test means."""

    share: float = Field(default=0.5, gt=0, lt=1)
    measure: Literal["error_rate", "brier_score", "absolute_error", "squared_error"] | None = None
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    min_labelled: int = Field(default=1000, ge=2)  # rows per arm
    min_hours: float = Field(default=0, ge=0, le=HOURS_MOST)
    max_hours: float = Field(default=24 * 14, gt=0, le=HOURS_MOST)
    look_seconds: float = Field(default=60, gt=0, le=SECONDS_MOST)
    undecided: Literal["keep", "promote"] = "keep"


class Rollout(Part):
    strategy: Literal["blue_green", "canary", "ab_test", "shadow"]
    steps: list[Annotated[float, Field(gt=0, lt=1)]]
    bake_seconds: float = Field(ge=0, le=SECONDS_MOST)
    max_wait_seconds: float = Field(gt=0, le=SECONDS_MOST)
    min_requests: int = Field(ge=1)
    abort: Abort
    parity_bound: float = Field(gt=0)  # of a score; of a number in standard deviations of the label
    sticky_by: str | None = None  # a request field: rows with the same value meet the same release
    shadow: ShadowTest = ShadowTest()
    ab_test: ABTest = ABTest()
    drill: Cron | None = "0 4 * * 1"  # cron of the rollback drill

    def faults(self) -> Iterator[Fault]:
        if self.steps != sorted(set(self.steps)) or (self.strategy == "canary" and not self.steps):
            yield Fault("steps", f"rollout steps {self.steps} must rise, and a canary needs at least one")
        if self.strategy == "ab_test" and self.sticky_by is None:
            yield Fault("sticky_by", "an A/B test needs the request field by which clients stay in one arm")
        if self.ab_test.min_hours > self.ab_test.max_hours:
            yield Fault("ab_test.min_hours", f"{self.ab_test.min_hours} is above max_hours = {self.ab_test.max_hours}")

    @property
    def shares(self) -> list[float]:
        """Shares of traffic that are given and judged one after another before a release is promoted."""
        if self.strategy == "shadow" and self.shadow.then == "stop":
            return []
        return [*(self.steps if self.strategy in ("canary", "shadow") else []), 1.0]


class Windows(Part):
    breached: int = Field(ge=1)
    of: int = Field(ge=1)

    def faults(self) -> Iterator[Fault]:
        if self.breached > self.of:
            yield Fault("breached", f"{self.breached} of {self.of} windows can never be breached")


class Monitoring(Part):
    """When figures are a loss or a drift; they are of the periods of the last ``window``, left out: of one period.

    ``windows`` counts windows that follow one another without a common period. ``false_discovery``: of the features
    that are found to have drifted in a window, a share that is expected to be so by chance. ``slices`` are columns by
    whose values figures are measured too; left out: those of ``comparison.slices``.
    """

    drift_threshold: float = Field(gt=0)
    drift_features: int = Field(ge=1)
    false_discovery: float = Field(default=0.05, gt=0, lt=1)
    performance_loss: float = Field(gt=0)
    windows: Windows
    window: SomeLength | None = None
    slices: Annotated[list[Name], Field(max_length=MOST_SLICED)] | None = None


class Budget(Part):
    """So many retrains that brought a release into service, in any time as long as ``per``."""

    retrains: int = Field(ge=0)
    per: SomeLength


class Retirement(Part):
    """When a release that has no traffic is proposed for retirement, and how long its archive is kept.

    ``age`` counts from its packaging, ``unused`` from its last traffic where it never was the champion, ``superseded``
    from the moment that another release took its place, ``decayed`` the same where its last window was a loss beyond
    ``monitoring.performance_loss``. null: never for this reason. ``check`` is the cron of the proposal; null: by hand.
    """

    age: SomeLength | None = Span("24 months")
    unused: SomeLength | None = Span("3 months")
    superseded: SomeLength | None = Span("12 months")
    decayed: SomeLength | None = Span("6 months")
    archive: SomeLength = Span("120 months")
    check: Cron | None = "0 5 1 * *"

    def faults(self) -> Iterator[Fault]:
        if self.decayed and self.superseded and self.decayed.hours > self.superseded.hours:
            text = f"{self.decayed} is longer than superseded = {self.superseded}, which decayed releases meet too"
            yield Fault("decayed", text)


class Retrain(Part):
    """``window``: how far back a retrain learns. ``cooldown``: no retrain so long after one began to serve.

    ``every``: a retrain is due, without an alert, when so much time is monitored beyond what the serving release, and
    any plan, was tested on; left out: never.
    """

    every: SomeLength | None = None
    window: Reach
    cooldown: Length
    budget: Budget
