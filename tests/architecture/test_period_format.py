"""One module knows how a period is written; a new rhythm changes no other."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWNER = ROOT / "include" / "contracts" / "period.py"
SPELLED = re.compile(
    r"""%Y-%m(?!-%d)|%G|%V|%HZ|\[:(?:4|7|10|13)\]|\?{4}-\?\?|\\d\{4\}-|\[0-9\]\{4\}-|isocalendar|strptime\([^)]*%Y-%m"""
)
"""``strftime`` of a month, week or hour, parts cut out of a time as text, patterns of files and texts, dates read."""


def sources() -> list[Path]:
    rooms = [ROOT / room for room in ("dags", "feature_repo", "include", "plugins", "triton_models")]
    return [p for room in rooms for p in sorted(room.rglob("*.py")) if p != OWNER]


IMPORTED = re.compile(r"from include\.contracts\.(period|calendar) import ([^()\n]+|\([^)]*\))")
CALENDARS = {"Calendar", "Span", "Window"}


def test_each_name_has_one_home() -> None:
    wrong = [
        f"{place.relative_to(ROOT)}: {found[0]}"
        for place in sources()
        for found in IMPORTED.finditer(place.read_text())
        if any((name in CALENDARS) != (found[1] == "calendar") for name in re.findall(r"\w+", found[2]))
    ]
    assert wrong == []


def test_nothing_else_spells_a_period() -> None:
    spelled = {str(place.relative_to(ROOT)): SPELLED.findall(place.read_text()) for place in sources()}
    assert {place: found for place, found in spelled.items() if found} == {}


@pytest.mark.parametrize(
    "text",
    [
        "'%Y-%m'",
        "'%G-W%V'",
        "'%Y-%m-%dT%HZ'",
        "at[:7]",
        "day[:4]",
        "strptime(day, '%Y-%m-%d')",
        "'????-??.json'",
        r"r'^\d{4}-\d{2}$'",
    ],
)
def test_the_search_finds_what_it_must(text: str) -> None:
    assert SPELLED.search(text)
