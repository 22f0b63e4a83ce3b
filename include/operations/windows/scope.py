"""Use case, release and period of figures."""

from dataclasses import dataclass

from include.contracts.evaluation import Interval
from include.contracts.operations import Figure, FigureState
from include.contracts.period import Period
from include.specification.usecase import UseCase


@dataclass(frozen=True)
class Scope:
    """One release of a use case in one window."""

    spec: UseCase
    release: str
    period: Period

    def figure(
        self, name: str, value: float, subject: str = "", n: int = 0, floor: float | None = None,
        state: FigureState = "judged", note: str = "",
    ) -> Figure:  # fmt: skip
        return Figure(
            usecase=self.spec.name, release=self.release, period=self.period, name=name, subject=subject,
            value=float(value), n=n, floor=floor, state=state, note=note,
        )  # fmt: skip

    def interval(self, name: str, figure: Interval, subject: str = "") -> Figure:
        bounds = {"low": figure.low, "high": figure.high, "n": figure.n, "effective_n": figure.effective_n}
        return self.figure(name, figure.value, subject).model_copy(update=bounds)
