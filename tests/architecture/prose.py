"""Finds the prose of the project: documentation, runbooks, messages, forms, descriptions, model cards and pages.

Every text is a (file, line, text) triple. Code, links and placeholders are cut out of it.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.architecture.tree import ROOT, modules, nodes, place, syntax

CODE_ROOMS = ("include", "dags", "plugins", "triton_models")
CARDS_AND_REPORTS = (
    "include/development/card", "include/evaluation/report.py", "include/evaluation/verdict.py",
    "include/operations/alerts/alerts.py", "include/operations/retraining/causes.py",
    "include/operations/retraining/retraining.py", "include/catalog/data_sheet.py",
)  # fmt: skip
SPOKEN = {"title", "description", "help", "subject", "doc", "note", "summary"}
FORM_CALLS = {"text_param", "choice", "number"}


class Text(NamedTuple):
    file: str
    line: int
    text: str


def pages() -> list[Text]:
    """Every Markdown page, paragraph by paragraph."""
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "include").rglob("README.md")]
    return [text for file in sorted(files) for text in paragraphs(place(file), file.read_text())]


def runbooks() -> list[Text]:
    """The docstrings of the DAG files."""
    files = sorted((ROOT / "dags").glob("*.py"))
    return [text for file in files for text in paragraphs(place(file), ast.get_docstring(syntax(file)) or "")]


def module_docstrings() -> list[Text]:
    files = [file for file in modules(*CODE_ROOMS) if not place(file).startswith("dags/")]
    return [Text(place(file), 1, words(doc)) for file in files if (doc := ast.get_docstring(syntax(file)))]


def messages() -> list[Text]:
    """What errors say."""
    return [
        Text(place(file), node.lineno, literal)
        for file in modules(*CODE_ROOMS)
        for node in nodes(file)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
        for literal in literals(node.exc)
    ]


def descriptions() -> list[Text]:
    """Titles and descriptions of forms, settings, the spec, record tables and the command line."""
    return [
        Text(place(file), node.lineno, literal)
        for file in modules(*CODE_ROOMS)
        for node in nodes(file)
        if isinstance(node, ast.Call)
        for part in _described(node)
        for literal in literals(part)
    ]


def cards_and_reports() -> list[Text]:
    """The texts in the code of model cards, verdicts and alerts, without docstrings."""
    files = [file for file in modules(*CODE_ROOMS) if place(file).startswith(CARDS_AND_REPORTS)]
    return [text for file in files for text in _strings(file)]


def templates() -> list[Text]:
    """The words of the pages, without tags, styles and placeholders."""
    files = sorted((ROOT / "include").rglob("*.html"))
    return [
        Text(place(file), number, words(line))
        for file in files
        for number, line in enumerate(_without_markup(file.read_text()).splitlines(), 1)
        if line.strip()
    ]


def paragraphs(file: str, markdown: str) -> Iterator[Text]:
    """Paragraphs, list items and table cells of a Markdown text; fenced code is left out."""
    lines, start, fenced = [], 1, False
    for number, line in enumerate([*markdown.splitlines(), ""], 1):
        if line.startswith("```"):
            fenced = not fenced
        begins = not line.strip() or line.startswith(("|", "```", "#")) or re.match(r"\s*(- |\d+\. )", line)
        if begins and lines:
            yield Text(file, start, words(" ".join(lines)))
            lines = []
        if fenced or line.startswith("```"):
            continue
        if line.startswith("|"):
            yield from (Text(file, number, words(cell)) for cell in line.strip("|").split(" | "))
        elif line.strip():
            start = start if lines else number
            lines.append(line)


def words(text: str) -> str:
    """The text without code, link targets and markup; code becomes one word."""
    text = re.sub(r"``?[^`]+``?", "CODE", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return re.sub(r"\s+", " ", re.sub(r"[*#\[\]]", "", text)).strip()


def sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?:;])\s+", text) if part]


def literals(node: ast.AST) -> Iterator[str]:
    """String literals below a node that read as prose; a placeholder of an f-string becomes one word."""
    for child in _prose_nodes(node):
        if " " in (text := words(_text_of(child))):
            yield text


def _prose_nodes(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        yield node
        return
    for child in ast.iter_child_nodes(node):
        yield from _prose_nodes(child)


def _text_of(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    return "".join(_text_of(part) if isinstance(part, ast.Constant) else "X" for part in parts)


def _described(call: ast.Call) -> Iterable[ast.AST]:
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    return [*(k.value for k in call.keywords if k.arg in SPOKEN), *(call.args if name in FORM_CALLS else [])]


def _strings(file: Path) -> Iterator[Text]:
    alone = {id(node.value) for node in nodes(file) if isinstance(node, ast.Expr)}
    for node in _prose_nodes(syntax(file)):
        text = words(_text_of(node))
        if id(node) not in alone and " " in text:
            yield Text(place(file), node.lineno, text)  # type: ignore[attr-defined]


def _without_markup(html: str) -> str:
    for pattern in (r"<style>.*?</style>", r"\{% block style %\}.*?\{% endblock %\}", r"\{#.*?#\}", r"\{%.*?%\}"):
        html = re.sub(pattern, lambda found: "\n" * found[0].count("\n"), html, flags=re.DOTALL)
    return re.sub(r"<[^>]*>", " ", re.sub(r"\{\{.*?\}\}", "X", html, flags=re.DOTALL))
