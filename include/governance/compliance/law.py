"""The laws as data: what they ask, their dates, and when somebody checked both."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from include.contracts.calendar import Span
from include.contracts.compliance import LawDate
from include.contracts.record import Record
from include.errors import SpecError

FILE = Path(__file__).with_name("law.yaml")
GUIDE = "docs/guides/compliance.md"


class Asked(Record):
    """One thing that a section asks; ``of`` is its place in the section's reference."""

    title: str
    of: str = ""


class LawSection(Record):
    title: str
    reference: str
    items: dict[str, Asked] = Field(min_length=1)


class Law(Record):
    title: str
    source: str = Field(pattern=r"^https://")
    checked_on: date
    checked_against: str
    dates: list[LawDate]
    open: list[str] = Field(default_factory=list)
    sections: dict[str, LawSection] = Field(min_length=1)

    def due(self, today: date, every: Span) -> bool:
        """Whether the newest check is older than ``every``."""
        return (today - self.checked_on).days * 24 > every.hours


@lru_cache
def laws(file: Path = FILE) -> Mapping[str, Law]:
    """Every law by its key. Raises SpecError, naming the file and what is wrong, when it cannot be used."""
    try:
        content = yaml.safe_load(file.read_text())
        return {key: Law.model_validate(law) for key, law in content.items()}
    except (OSError, yaml.YAMLError, ValidationError, AttributeError) as error:
        raise SpecError(f"{file} holds no laws as {GUIDE} describes them: {error}") from error


def overdue(known: Mapping[str, Law], today: date, every: Span) -> list[str]:
    """What to check again, one line per law."""
    return [
        f"{law.title}: checked on {law.checked_on}, more than {every} ago. Read {law.source}, then correct "
        f"{FILE.name} and its checked_on"
        for law in known.values()
        if law.due(today, every)
    ]
