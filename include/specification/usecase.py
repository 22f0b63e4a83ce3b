"""The use-case spec: the content of ``include/usecases/<name>/usecase.yaml``."""

from collections.abc import Callable, Iterator
from pathlib import Path

from include.specification.capabilities import task_faults, trainer_faults
from include.specification.declaration import Declaration
from include.specification.examples import example_faults
from include.specification.names import name_faults
from include.specification.part import Fault
from include.specification.references import (
    column_faults,
    hand_over_faults,
    leakage_faults,
    missing_faults,
    reference_faults,
    repeated_faults,
    rollout_faults,
)
from include.specification.slicing import slice_columns, slice_faults
from include.specification.streams import freshness_faults, scoring_faults, stream_faults
from include.specification.times import calendar_faults, guard_faults, window_faults
from include.specification.treatments import treatment_faults

USECASES = Path(__file__).resolve().parents[1] / "usecases"
CHECKS: tuple[Callable[[Declaration], Iterator[Fault]], ...] = (
    repeated_faults, name_faults, calendar_faults, reference_faults, column_faults, leakage_faults, freshness_faults,
    stream_faults, scoring_faults, treatment_faults, hand_over_faults, task_faults, trainer_faults, window_faults,
    guard_faults, rollout_faults, missing_faults, slice_faults, example_faults,
)  # fmt: skip


class UseCase(Declaration):
    """One ML problem with its data, model, criteria and policy, whose parts agree with each other."""

    def faults(self) -> Iterator[Fault]:
        for check in CHECKS:
            yield from check(self)

    @property
    def monitored_slices(self) -> list[str]:
        """Columns by whose values monitoring slices its figures."""
        return slice_columns(self)

    @property
    def directory(self) -> Path:
        return USECASES / self.name
