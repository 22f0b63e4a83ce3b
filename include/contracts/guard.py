"""Profiles of periods, and what the input guard finds in them."""

from pydantic import Field

from include.contracts.period import Period
from include.contracts.record import Moment, Record


class Oddity(Record):
    """A figure of a period that is further from those of earlier periods than periods differ.

    ``chance``: how likely a sound period has such a one among all its figures, at most.
    """

    column: str
    check: str
    value: float
    least: float
    most: float
    chance: float

    @property
    def text(self) -> str:
        subject = self.column or "the rows"
        return f"{subject}: {self.check} is {self.value:.3g}, before {self.least:.3g} to {self.most:.3g}"


class PeriodProfile(Record):
    """What the features, labels and times of a period look like, from which the input guard judges it.

    ``shapes`` are figures by column and check ("" is the row as a whole); ``counts`` rows by value of columns with few
    values; ``orders`` the share of rows where one number is above another. ``columns``, ``mean`` and ``covariance``
    (upper triangle) tell how the columns hang together.
    """

    period: Period
    source: str = Field(description="digest of what was read: versions, labels, features")
    at: Moment = Field(description="when it was made, UTC")
    rows: int = Field(description="rows with a known label")
    days: int = Field(description="local days that have rows")
    shapes: dict[str, dict[str, float]] = Field(description="figures by column and check, JSON")
    counts: dict[str, dict[str, int]] = Field(description="rows by value of each column with few values, JSON")
    orders: dict[str, float] = Field(description="share of rows where a number is above another, JSON")
    columns: list[str] = Field(description="columns whose moments are kept, JSON")
    mean: list[float] = Field(description="mean of each of them")
    covariance: list[float] = Field(description="upper triangle of their covariance")
    grounds: str = Field(default="", description="digest of the profiles that it was judged by")
    oddities: list[Oddity] = Field(default=[], description="what is odd about the period, JSON; nothing: it is sound")


class Guarded(Record):
    """What the input guard said of the periods of a dataset.

    ``left_out``: why a faulty period is in no part; ``accepted``: the same of what the spec accepts, and its reason.
    """

    left_out: dict[Period, list[str]] = {}
    accepted: dict[Period, list[str]] = {}
