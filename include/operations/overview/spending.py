"""Sums of what tasks, storage and serving take, and what they cost by the prices that were set."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from include.contracts.costs import Prices, StoredBytes, TaskCost

HOUR, GIGABYTE = 3600.0, 1e9
MONTH = 730.5 * HOUR
"""Seconds of a month of 365.25 / 12 days."""
OTHERS = "…"
"""Of a picture: every family that is none of the largest."""


class Spent(NamedTuple):
    """Time, memory and attempts; ``gb_seconds`` takes the peak of a task for the whole of it: it is at most that."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0
    gb_seconds: float = 0.0
    peak_bytes: int = 0
    attempts: int = 0
    failed: int = 0
    failed_cpu_seconds: float = 0.0

    def plus(self, other: "Spent") -> "Spent":
        """Of both; of the memory the larger peak counts."""
        return Spent(
            self.seconds + other.seconds, self.cpu_seconds + other.cpu_seconds, self.gpu_seconds + other.gpu_seconds,
            self.gb_seconds + other.gb_seconds, max(self.peak_bytes, other.peak_bytes), self.attempts + other.attempts,
            self.failed + other.failed, self.failed_cpu_seconds + other.failed_cpu_seconds,
        )  # fmt: skip


def of_task(cost: TaskCost) -> Spent:
    """What one attempt took."""
    failed = cost.outcome == "failed"
    return Spent(
        cost.seconds, cost.cpu_seconds, cost.gpu_seconds, cost.seconds * cost.peak_bytes / GIGABYTE, cost.peak_bytes, 1,
        int(failed), cost.cpu_seconds if failed else 0.0,
    )  # fmt: skip


def summed(sums: Iterable[tuple[str, Spent]]) -> dict[str, Spent]:
    """What was spent by word, the most CPU time first."""
    found: defaultdict[str, Spent] = defaultdict(Spent)
    for word, spent in sums:
        found[word] = found[word].plus(spent)
    return dict(sorted(found.items(), key=lambda item: -item[1].cpu_seconds))


def total(spent: Iterable[Spent]) -> Spent:
    """All of it."""
    everything = Spent()
    for one in spent:
        everything = everything.plus(one)
    return everything


def price(spent: Spent, prices: Prices) -> float:
    """By the prices; 0 where none is set."""
    memory = spent.gb_seconds / MONTH * prices.memory_gb_month
    return spent.cpu_seconds / HOUR * prices.cpu_hour + spent.gpu_seconds / HOUR * prices.gpu_hour + memory


def storage_price(size_bytes: float, prices: Prices) -> float:
    """Of a month."""
    return size_bytes / GIGABYTE * prices.storage_gb_month


def priced(prices: Prices) -> bool:
    """Whether any price is set."""
    return any((prices.cpu_hour, prices.gpu_hour, prices.memory_gb_month, prices.storage_gb_month))


def newest_sizes(stored: Iterable[StoredBytes]) -> list[StoredBytes]:
    """The newest measure of each place, the largest first."""
    newest: dict[str, StoredBytes] = {}
    for one in sorted(stored, key=lambda one: one.at):
        newest[one.place] = one
    last = max((one.at for one in newest.values()), default=None)
    return sorted((one for one in newest.values() if one.at == last), key=lambda one: -one.size_bytes)


def size_trend(stored: Iterable[StoredBytes], without: str) -> list[tuple[datetime, int]]:
    """The sum of a use case's own places at each measure."""
    sums: defaultdict[datetime, int] = defaultdict(int)
    for one in stored:
        if one.place != without:
            sums[one.at] += one.size_bytes
    return sorted(sums.items())


class Serving(NamedTuple):
    """What the servers took, and the rows that were answered: of the use case, of all, by release.

    ``cpu_seconds`` is all CPU time of each server, idle time too; ``computing`` the seconds in which the model server
    worked on requests of the use case, of ``computed`` rows.
    """

    days: int
    cpu_seconds: dict[str, float]
    answered: float
    answered_of_all: float
    releases: dict[str, float]
    computing: float = 0.0
    computed: float = 0.0

    @property
    def share(self) -> float:
        """Of the answered rows of all use cases."""
        return self.answered / self.answered_of_all if self.answered_of_all else 0.0

    @property
    def per_thousand(self) -> float | None:
        """Seconds of computing for 1,000 rows; it does not grow while nothing is asked. None without any."""
        return self.computing / self.computed * 1000 if self.computed else None

    @property
    def whole_per_thousand(self) -> float | None:
        """CPU seconds of the servers for 1,000 answered rows of all use cases: it grows while the servers idle."""
        return sum(self.cpu_seconds.values()) / self.answered_of_all * 1000 if self.answered_of_all else None
