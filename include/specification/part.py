"""The building blocks of a use-case spec: closed, frozen parts and the types of their values."""

from collections.abc import Iterable
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]


def _known_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"there is no time zone {name!r}; write it like America/New_York or UTC") from None


Zone = Annotated[str, AfterValidator(_known_zone)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Part(BaseModel):
    """A closed, frozen part of the spec."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def faults(self) -> Iterable[str]:
        """What is wrong with values that are right by themselves; it is asked for the first one only."""
        return ()

    @model_validator(mode="after")
    def _without_fault(self) -> Self:
        for fault in self.faults():
            raise ValueError(fault)
        return self
