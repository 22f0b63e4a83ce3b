"""No stored value steers a terminal or becomes markup; what is harmless stays as it is."""

import pytest
from markdown_it import MarkdownIt

from include.formats.plain_text import markdown, markdown_code, markdown_table, one_line, visible

NASTY = [
    "[/red]", "[x]", "[bold]b[/]", "a|b", "`code`", "``", "*a*", "_a_", "__a__", "<b>x</b>", "[a](http://h)",
    "![p](http://h/p.png)", "&lt;", "~~a~~", "# a", "- a", "1. a", "1) a", "+ a", "a\\", "\\|", "> a", "a_b_c", "|",
    "10. a", "1.5", "[0.7, 0.8]", "a <= 0.1", "[a]: http://h", "[a][b]", "a [b [c](h)](h)", "[ ] a", "===", "---",
    "\\[a](h)", "x&y", "-0.5", "- a", "-", "+1",
    "<http://h>", "<!-- a -->", "&#35;",
]  # fmt: skip


def rendered(text: str) -> str:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).render(text)


def shown(text: str) -> str:
    """The value as HTML shows it."""
    replaced = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"))
    for character, entity in replaced:
        text = text.replace(character, entity)
    return text


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\x07b\x00\x7f\x9b", "a\\x07b\\x00\\x7f\\x9b"),
        ("\u202egnp.exe\u2066x\u2069", "\\u202egnp.exe\\u2066x\\u2069"),
        ("\u200b\ufeff\u2028\ud800\U000e0041", "\\u200b\\ufeff\\u2028\\ud800\\U000e0041"),
        ("한국어 naïve 日本 👩\u200d🔬 [x]", "한국어 naïve 日本 👩\u200d🔬 [x]"),
        ("a\tb\nc", "a\tb\nc"),
    ],
)
def test_characters_that_steer_or_hide_are_shown_by_their_number(stored: str, expected: str) -> None:
    assert visible(stored) == expected
    assert one_line("a\r\n\tb") == "a\\x0d\\x0a\\x09b"


@pytest.mark.parametrize("value", NASTY)
def test_markdown_shows_a_value_as_it_is_in_a_line_and_in_a_cell(value: str) -> None:
    assert rendered(markdown(value)) == f"<p>{shown(value)}</p>\n"
    table = rendered(markdown_table(["name", "value"], [[markdown(value), "end"]]))
    assert f"<td>{shown(value)}</td>\n<td>end</td>" in table


@pytest.mark.parametrize("value", ["a|b", "`a`", "a``b", "[x]", "<b>"])
def test_code_shows_a_value_as_it_is(value: str) -> None:
    assert rendered(markdown_code(value)) == f"<p><code>{shown(value)}</code></p>\n"
    assert f"<td><code>{shown(value)}</code></td>" in rendered(markdown_table(["v"], [[markdown_code(value)]]))


def test_a_value_of_several_lines_stays_in_its_cell() -> None:
    assert rendered(markdown("a\n\n# b")) == "<p>a  # b</p>\n"
