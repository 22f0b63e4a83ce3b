"""The figures of one release, period by period, as the retrain decision reads them."""

from collections.abc import Sequence

from include.contracts.operations import Figure
from include.contracts.period import Period
from include.operations.windows.maturity import MOST_IMMATURE
from include.operations.windows.windows import COUNTS


class History:
    """Figures of one release, newest last; a period measured again counts with its last measurement."""

    def __init__(self, figures: Sequence[Figure], usecase: str, release: str, period: Period) -> None:
        mine = [f for f in figures if f.usecase == usecase and f.period <= period]
        self.usecase, self.release, self.figures = usecase, release, mine
        self.by_key = {(f.period, f.name, f.subject): f for f in mine if f.release == release}
        self.others = [f for f in mine if f.release != release and f.period == period]
        self.period = period
        self.periods = sorted({key[0] for key in self.by_key})

    def totals(self, *names: str) -> dict[Period, dict[str, float]]:
        """Period → sum of each of these figures over every release that answered."""
        last = {(f.period, f.release, f.name): f.value for f in self.figures if f.name in names and not f.subject}
        totals = {period: dict.fromkeys(names, 0.0) for period, _, _ in last}
        for (period, _, name), value in last.items():
            totals[period][name] += value
        return totals

    @property
    def due(self) -> Period:
        """The newest period most of whose labels are due, of the release; the period itself when there is none."""
        counts = {p: [self.value(name, p) or 0.0 for name in COUNTS] for p in self.periods}
        due = [p for p, of in counts.items() if sum(of) and of[-1] <= MOST_IMMATURE * sum(of)]
        return max(due, default=self.period)

    def until(self, period: Period) -> "History":
        """The same, up to an earlier period."""
        return History(self.figures, self.usecase, self.release, period)

    def value(self, name: str, period: Period | None = None, subject: str = "") -> float | None:
        figure = self.by_key.get((period or self.period, name, subject))
        return figure.value if figure else None

    def loss(self, period: Period) -> Figure | None:
        """The loss of the primary metric in the period, with its interval."""
        return self.by_key.get((period, "performance_loss", ""))

    def subjects(self, name: str, period: Period) -> dict[str, float]:
        return {k[2]: f.value for k, f in self.by_key.items() if k[:2] == (period, name)}

    def drifted(self, limit: float, period: Period) -> dict[str, float]:
        """Feature → PSI, of those beyond the limit and beyond chance."""
        return self.beyond("psi", limit, period)

    def beyond(self, name: str, limit: float, period: Period) -> dict[str, float]:
        """Subject → figure, of those beyond the limit and beyond chance."""
        return {k[2]: f.value for k, f in self.by_key.items() if k[:2] == (period, name) and f.beyond(limit)}

    def good(self, limit: float) -> list[Period]:
        """Periods whose loss is measured and within the limit; one above it is not good, confirmed or not."""
        return [p for p in self.periods if (loss := self.loss(p)) and loss.value <= limit]
