"""The building blocks of a use-case spec: closed, frozen parts and the types of their values."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from include.contracts.calendar import Span

Share = Annotated[float, Field(ge=0, le=1)]
HOURS_MOST = 876_600
"""100 years, the most that any length of time may be: every clock can count it."""
SECONDS_MOST = HOURS_MOST * 3600


def _known_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"there is no time zone {name!r}; write it like America/New_York or UTC") from None


def spelled_class(value: object) -> object:
    """A class as ``encoding.category`` spells it: 1 and 1.0 are "1", true is "true"."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        from include.contracts.encoding import category  # imports NumPy, and DAG files are parsed often

        return category(value)
    return str(value) if isinstance(value, int) else value


ClassName = Annotated[str, BeforeValidator(spelled_class)]
Zone = Annotated[str, AfterValidator(_known_zone)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


def _each_once(names: list[str]) -> list[str]:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{twice} are listed twice; name each once")
    return names


Columns = Annotated[list[str], AfterValidator(_each_once)]
"""Names of columns, each once."""


def _some(span: Span) -> Span:
    if span.hours == 0:
        raise ValueError("is no time; give 1 hour or more")
    return span


def _with_unit(value: object) -> object:
    """A number without its unit, which older specs had, is refused in words."""
    if isinstance(value, int | float):
        raise ValueError("has no unit; a length of time is written like 36 hours, 7 days, 2 weeks or 1 month")
    return value


def _reach(value: object) -> Literal["all"] | Span:
    if value == "all":
        return "all"
    try:
        return _some(Span(str(value)))
    except ValueError:
        raise ValueError("is no length of time; write all, or one like 90 days or 3 months") from None


Length = Annotated[Span, BeforeValidator(_with_unit)]
"""A length of time; ``0 hours`` is none."""
SomeLength = Annotated[Span, BeforeValidator(_with_unit), AfterValidator(_some)]
"""A length of time above none."""
Reach = Annotated[Literal["all"] | Span, BeforeValidator(_reach)]
"""How far back: a length of time above none, or all there is."""


class Fault(NamedTuple):
    """What is wrong with the value of ``key``: a dotted path from the part that says so, '' for the part itself."""

    key: str
    text: str


def named_alike(place: str, names: Iterable[str]) -> Iterator[Fault]:
    """A fault for each of a list's parts whose name an earlier one has: what is kept by name would be lost."""
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name in seen:
            yield Fault(f"{place}.{number}.name", f"two have the name {name!r}; rename one")
        seen.add(name)


class Part(BaseModel):
    """A closed, frozen part of the spec."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    def faults(self) -> Iterable[Fault | str]:
        """What is wrong with values that are right by themselves; a text is of the whole part."""
        return ()

    @model_validator(mode="after")
    def _without_fault(self) -> Self:
        try:
            found = list(self.faults())
        except ArithmeticError as error:
            raise ValueError(f"cannot be checked: a number in it is too large or too small ({error})") from None
        if faults := [fault if isinstance(fault, Fault) else Fault("", fault) for fault in found]:
            text = "; ".join(f"{fault.key}: {fault.text}" if fault.key else fault.text for fault in faults)
            raise PydanticCustomError("faults", "{text}", {"text": text, "faults": faults})
        return self
