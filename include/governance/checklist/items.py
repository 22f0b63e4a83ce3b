"""The items of the checklist as data: groups, items, and the points that an item consists of."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from include.contracts.record import Record
from include.errors import SpecError

FILE = Path(__file__).with_name("items.yaml")


class Words(Record):
    """A title in the languages of the pages."""

    en: str
    ko: str

    def in_language(self, language: str) -> str:
        return self.ko if language == "ko" else self.en


class PointWords(Words):
    """The title of a point, and what has to happen before it has evidence, where a run of a DAG alone gives none."""

    happens: Words | None = None


class Item(Record):
    """One thing that the standard asks to be implemented; ``points``: key → title."""

    number: int
    title: Words
    points: dict[str, PointWords] = Field(min_length=1)


class Group(Record):
    """Items of one layer or phase."""

    key: str
    title: Words
    items: list[Item] = Field(min_length=1)


@lru_cache
def groups(file: Path = FILE) -> tuple[Group, ...]:
    """Every group in its order. Raises SpecError, naming the file and what is wrong, when it cannot be used."""
    try:
        return tuple(_group(key, content) for key, content in yaml.load(file.read_text(), yaml.CSafeLoader).items())
    except (OSError, yaml.YAMLError, ValidationError, AttributeError, KeyError, TypeError) as error:
        raise SpecError(f"{file} holds no checklist: {error}") from error


def _group(key: str, content: dict) -> Group:
    items = [Item(number=number, **item) for number, item in content["items"].items()]
    return Group(key=key, title=content["title"], items=items)


def items() -> Mapping[int, Item]:
    """Number → item."""
    return {item.number: item for group in groups() for item in group.items}
