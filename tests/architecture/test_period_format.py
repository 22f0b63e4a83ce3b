"""One module knows how a period is written; a new rhythm changes no other."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWNER = ROOT / "include" / "contracts" / "period.py"
SPELLED = re.compile(r"""%Y-%m(?!-%d)|\[:7\]|\?{4}-\?\?|\\d\{4\}-|\[0-9\]\{4\}-""")
"""``strftime`` of a month, the month cut out of a time as text, file patterns and regular expressions of a month."""


def sources() -> list[Path]:
    rooms = [ROOT / room for room in ("dags", "feature_repo", "include", "plugins", "triton_models")]
    return [p for room in rooms for p in sorted(room.rglob("*.py")) if p != OWNER]


def test_nothing_else_spells_a_period() -> None:
    spelled = {str(place.relative_to(ROOT)): SPELLED.findall(place.read_text()) for place in sources()}
    assert {place: found for place, found in spelled.items() if found} == {}


@pytest.mark.parametrize("text", ["'%Y-%m'", "at[:7]", "'????-??.json'", r"r'^\d{4}-\d{2}$'"])
def test_the_search_finds_what_it_must(text: str) -> None:
    assert SPELLED.search(text)
