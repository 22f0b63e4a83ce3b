"""What a search may try: numbers of a range, or choices."""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field

from include.specification.part import Fault, Part


class Range(Part):
    """Numbers to try, both ends included; ``integer`` ones, or on a ``log`` scale."""

    low: float
    high: float
    integer: bool = False
    log: bool = False

    def faults(self) -> Iterator[Fault]:
        if not self.low < self.high or (self.log and self.low <= 0):
            yield Fault("low", f"low {self.low} must be below high {self.high}, and above 0 on a log scale")
        if self.integer and not (self.low.is_integer() and self.high.is_integer()):
            yield Fault("integer", f"low {self.low} and high {self.high} of an integer range must be whole numbers")


Choices = Annotated[list[int | float | str], Field(min_length=1)]
Space = Mapping[str, Range | Choices]
