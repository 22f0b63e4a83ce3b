"""Stored values, names and messages as text: on a terminal and in Markdown they are shown as they are, never obeyed."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
"""Of the characters without a picture those that languages and emojis are written with."""
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of characters that steer a terminal, turn the direction of writing, or cannot be seen."""
MARKUP = re.compile(
    r"""
    [`*|~]                                  # code, emphasis, the end of a cell, strike-through
    | \\(?=[!-/:-@\[-`{-~]|$)               # a backslash that would hide what follows
    | (?<![^\W_])_ | _(?![^\W_])            # emphasis, where it is not inside of a word
    | \](?=[(\[:])                          # the text of a link or picture ends
    | <(?=[A-Za-z/!?]) | &(?=\#?\w+;)       # HTML
    | ^[#>=] | ^[+-](?=[\s-]|$) | ^\[(?=[ xX]\])             # a heading, a quotation, a list, a box to tick
    """,
    re.VERBOSE,
)
NUMBERED = re.compile(r"^(\d+)([.)])(?=\s|$)")
BARE_PIPE = re.compile(r"(?<!\\)\|")


def visible(text: str, keep: str = "\n\t") -> str:
    """The text with ``\\x1b``, ``\\u202e`` … in place of control, bidirectional and invisible characters."""
    return "".join(c if c in keep or not _hidden(c) else _escaped(c) for c in text)


def one_line(text: str) -> str:
    """The same on one line."""
    return visible(text, keep="")


def markdown(value: object) -> str:
    """A value that Markdown shows as it is, on one line: no markup, no link, no picture, no end of a table cell."""
    line = " ".join(visible(str(value)).split("\n"))
    return NUMBERED.sub(r"\1\\\2", MARKUP.sub(r"\\\g<0>", line))


def markdown_code(value: object) -> str:
    """The value as a code span."""
    text = one_line(str(value))
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"


def markdown_table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A table of cells that are Markdown already; '' without rows."""
    lines: list[Sequence[object]] = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines) if lines[2:] else ""


def _cell(text: object) -> str:
    return BARE_PIPE.sub(r"\\|", str(text)).replace("\n", " ")


def _hidden(character: str) -> bool:
    return unicodedata.category(character) in HIDDEN and character not in JOINERS


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
