"""A table that is wider than the screen shows at its edge that there is more, and its long texts wrap."""

import re

import pytest

from include.settings import ROOT

UI = ROOT / "include" / "ui"
CSS = (UI / "static" / "moebius.css").read_text()
TEXTS = re.compile(r"<td( class=\"long\")?>\{\{ (?!rule)\w+\.(?:reason|action|words)(?![\w|])")
"""Cells with whole sentences: beside columns that do not wrap, they would get a word a line."""
TEMPLATES = ["alerts.html", "loop.html", "rollout.html", "data.html", "verdict.html", "approvals.html"]


def test_a_table_that_scrolls_has_a_shade_at_the_edge_that_is_cut() -> None:
    rule = re.search(r"^\.scroll \{(.*?)^\}", CSS, re.DOTALL | re.MULTILINE)
    assert rule
    assert rule[1].count("no-repeat local") == rule[1].count("no-repeat scroll") == 2
    assert "var(--page)" in rule[1], "the cover is of the ground in light and dark"


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_cell_with_sentences_is_wide_enough_for_them(name: str) -> None:
    assert re.search(r"\.scroll td\.long \{ min-width: \d+rem; \}", CSS)
    assert all(TEXTS.findall((UI / "templates" / name).read_text()))


def test_addresses_in_a_component_wrap_in_korean_too() -> None:
    """What is said of a language names every element, so it takes the wrapping from those that have their own."""
    assert ":lang(ko) { word-break: keep-all; overflow-wrap: break-word; }" in CSS
    own = CSS.index(".use, .use a, .component code { overflow-wrap: anywhere; }")
    assert own > CSS.index(":lang(ko) {"), "the later of two equal rules holds"
