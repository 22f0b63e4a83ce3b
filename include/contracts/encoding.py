"""From raw feature columns to the matrix that a model reads; training and the model server run the same file.

A category has one spelling, whatever type its value has where it is stored: ``category``. NumPy only: the file is
copied beside the serving code. An *entry* is one feature of ``encoding.json``:
``{"name", "kind", "origin", "categories"}``; for text ``"vocabulary"`` (words in order of their codes, from 2 on) and
``"length"`` (words kept) besides; for a number that varies little against its offset ``"centre"``, which is subtracted
in float64, as float32 would round the offset and what varies together.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np

UNKNOWN_CATEGORY = -1.0
NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,400})(\.[0-9]{1,400})?")
INFINITE = ("inf", "-inf")
TRUTHS = {"false": "0", "true": "1"}
NO_WORD, UNKNOWN_WORD, FIRST_WORD = 0.0, 1.0, 2
WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Lower-case words in order."""
    return WORD.findall(text.lower())


def category(value: Any) -> str | None:
    """The one spelling of a category: text as it is, None where missing (None, NaN or NaT).

    A whole number has no point (``2`` and ``2.0`` are "2"), a truth value is "true" or "false", a moment is its whole
    seconds since 1970-01-01 UTC, as the online store keeps it; one without an offset is UTC.
    """
    if isinstance(value, str):
        return value
    if value is None or value != value:  # noqa: PLR0124 - so is what stands for a missing value
        return None
    for kinds, spell in SPELLINGS:
        if isinstance(value, kinds):
            return spell(value)
    return str(value)


def _fraction(value: Any) -> str:
    if not np.isfinite(float(value)):
        return str(float(value))
    return str(int(value)) if value == int(value) else np.format_float_positional(float(value), trim="-")


def _seconds(value: date) -> str:
    moment = value if isinstance(value, datetime) else datetime.combine(value, time())
    return str(int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))


SPELLINGS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    ((bool, np.bool_), lambda value: "true" if value else "false"),
    ((int, np.integer), lambda value: str(int(value))),
    ((float, np.floating, Decimal), _fraction),
    (date, _seconds),
    (np.datetime64, lambda value: str(value.astype("datetime64[s]").astype(np.int64))),
)
"""By type; the first that fits counts (a bool is an int, a pandas Timestamp is a date)."""


class Categories:
    """The categories that a model, or the description of a column, knows.

    Where all of them are plain numbers or truth values, a value is also known by what it says: "2.0", a client's text,
    is the category "2"; 0.1 as float32 keeps it is "0.1"; 1 is "true". Two known categories that say the same
    ("2" and "2.0" of a text column) are told apart by their letters only.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self.codes = {text: float(code) for code, text in enumerate(known) if text != ""}
        by_meaning = {_meaning(text): text for text in self.codes}
        clear = None not in by_meaning and len(by_meaning) == len(self.codes)
        self._by_meaning = by_meaning if clear else {}

    def find(self, value: Any) -> str | None:
        """The known category that the value is, else its own spelling; None where missing."""
        text = category(value)
        if not text or text in self.codes or not self._by_meaning:
            return text or None
        return self._by_meaning.get(_meaning(text), text)

    def code(self, value: Any) -> float:
        """Its place among the known ones, -1 for a missing or unknown one."""
        return self.codes.get(self.find(value) or "", UNKNOWN_CATEGORY)

    def all(self, values: Iterable[Any]) -> list[float]:
        """The code of every value."""
        coded = [self.codes.get(value, UNKNOWN_CATEGORY) for value in values]  # most are spelled as they are known
        if UNKNOWN_CATEGORY not in coded:
            return coded
        pairs = zip(coded, values, strict=True)
        return [self.code(value) if code == UNKNOWN_CATEGORY else code for code, value in pairs]


def _meaning(text: str) -> str | None:
    """The number that a category says, a fraction as precise as float32; None for another text."""
    text = TRUTHS.get(text.lower(), text)
    if text in INFINITE:
        return text
    if not NUMBER.fullmatch(text):
        return None
    whole, _, fraction = text.partition(".")
    if not fraction.strip("0"):
        return str(int(whole))
    with np.errstate(over="ignore"):
        return np.format_float_positional(np.float32(text), trim="-")


def width(entry: dict) -> int:
    """How many columns of the matrix a feature takes."""
    return entry["length"] if entry["kind"] == "text" else 1


class Encoding:
    """The features of a model in its order, ready to encode."""

    def __init__(self, features: list[dict]) -> None:
        self.features = features
        self.width = sum(width(entry) for entry in features)
        begins = np.cumsum([0, *map(width, features)])[: len(features)]
        placed = list(zip(features, begins.tolist(), strict=True))
        numbers = [(entry["name"], at) for entry, at in placed if entry["kind"] == "numeric"]
        self._numbers, self._number_columns = [name for name, _ in numbers], np.array([at for _, at in numbers], int)
        centres = {entry["name"]: entry["centre"] for entry in features if "centre" in entry}
        self._centres = np.array([[centres.get(name, 0.0)] for name in self._numbers]) if centres else None
        self._coded = [(entry, at, _codes(entry)) for entry, at in placed if entry["kind"] != "numeric"]

    def encode(self, columns: Mapping[str, Sequence[Any] | np.ndarray]) -> np.ndarray:
        """Float32 of shape (rows, width); ``columns`` maps a feature's name to its raw values, one per row.

        Missing (None, NaN or '') is NaN in a number, -1 in a category, no words in a text.
        """
        rows = len(columns[self.features[0]["name"]])
        matrix = np.empty((rows, self.width), dtype=np.float32)
        if self._numbers:  # all at once: a call per feature would cost a single row more than its lookup in the model
            matrix[:, self._number_columns] = self._near_zero([columns[name] for name in self._numbers]).T
        for entry, at, codes in self._coded:
            values = columns[entry["name"]]
            if entry["kind"] == "text":
                matrix[:, at : at + entry["length"]] = _text(values, codes, entry["length"])
            else:
                matrix[:, at] = codes.all(values)
        return matrix

    def _near_zero(self, numbers: list) -> np.ndarray:
        """Numbers (features, rows) less their centres; None becomes NaN."""
        if self._centres is None:
            return np.array(numbers, dtype=np.float32)
        return np.array(numbers, dtype=np.float64) - self._centres


def _codes(entry: dict) -> Any:
    """Word → code of a text, else ``Categories``."""
    if entry["kind"] == "text":
        return {word: float(code) for code, word in enumerate(entry["vocabulary"], start=FIRST_WORD)}
    return Categories(entry["categories"])


def _text(values: Sequence[Any] | np.ndarray, codes: dict, length: int) -> np.ndarray:
    block = np.full((len(values), length), NO_WORD, dtype=np.float32)
    for row, value in enumerate(values):
        known = [codes.get(word, UNKNOWN_WORD) for word in words(category(value) or "")[:length]]
        block[row, : len(known)] = known
    return block
