"""Every text of a page is in the catalogues: none is written beside them, none lacks its translation."""

import re
from collections import Counter
from functools import cache
from html import unescape
from pathlib import Path

import pytest
from babel.messages import extract, pofile
from babel.messages.catalog import Message
from jinja2 import Environment

from include.settings import ROOT
from include.ui import language

UI = ROOT / "include" / "ui"
UNTRANSLATED: set[str] = set()
"""Pages that were there before the catalogues; each is rewritten."""
TEMPLATES = sorted(path for path in (UI / "templates").glob("*.html") if path.name not in UNTRANSLATED)
KEYWORDS = {**extract.DEFAULT_KEYWORDS, "text": None, "marked": None}
OPTIONS = {"trimmed": "true", "newstyle_gettext": "true"}
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w*\}")
NAMES = re.compile(
    r"\b(Moebius|MLflow|Prometheus|Airflow|Triton|Feast|Grafana|UTC|ISO/IEC 23053:?\d*|ms|n|p99|p50|s|h|%)\b"
)
"""Names and units that no language translates."""


@cache
def used() -> Counter[str]:
    """Text of the sources → how often it is there."""
    found: Counter[str] = Counter()
    for pattern, method in (("**/*.py", "python"), ("templates/*.html", "jinja2.ext:babel_extract")):
        for path in UI.glob(pattern):
            with path.open("rb") as file:
                for _, text, _, _ in extract.extract(method, file, KEYWORDS, options=OPTIONS):
                    found[text if isinstance(text, str) else text[0]] += 1
    return found


@cache
def catalogue(name: str) -> dict[str, list[tuple[Path, Message]]]:
    """Text → where it is translated, and how."""
    found: dict[str, list[tuple[Path, Message]]] = {}
    for path in sorted((language.LOCALE / name).glob("*.po")):
        with path.open("rb") as file:
            for message in pofile.read_po(file, locale=name, abort_invalid=True):
                if message.id:
                    text = message.id if isinstance(message.id, str) else message.id[0]
                    found.setdefault(text, []).append((path, message))
    return found


OTHERS = [name for name in language.LANGUAGES if name != "en"]


@pytest.mark.parametrize("name", OTHERS)
def test_every_text_is_translated_once_and_no_translation_is_of_nothing(name: str) -> None:
    there = catalogue(name)
    assert not sorted(set(used()) - set(there)), "texts without a translation"
    assert not sorted(set(there) - set(used())), "translations that no page shows"
    assert not {text: paths for text, paths in there.items() if len(paths) > 1}, "texts in two catalogues"


@pytest.mark.parametrize("name", OTHERS)
def test_a_translation_is_whole(name: str) -> None:
    for text, [(path, message), *_] in catalogue(name).items():
        versions = [message.string] if isinstance(message.string, str) else list(message.string)
        assert all(versions), f"{path.name}: {text!r} is not translated"
        assert "fuzzy" not in message.flags, f"{path.name}: {text!r} is a guess"
        for version in versions:
            assert set(PLACEHOLDER.findall(version)) == set(PLACEHOLDER.findall(text)), f"{path.name}: {text!r}"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_text_beside_the_catalogues(path: Path) -> None:
    assert not beside(path.read_text())


def beside(source: str) -> list[str]:
    """Words that a template shows without a catalogue: between its tags, and in attributes that people see or hear."""
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    literal, translated = [], 0
    for _, kind, value in environment.lex(source):
        if kind == "name" and value in ("trans", "endtrans"):
            translated += 1 if value == "trans" else -1
        if kind == "data":
            literal.append("" if translated else value)
        elif kind == "block_begin":
            literal.append("\0")
    html = "".join(literal)
    shown = re.findall(r"\s(?:aria-label|title|placeholder|alt)=\"([^\"\0]*)\"", html)
    shown += re.sub(r"<[^>]*>", "\0", re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL)).split("\0")
    return [words for text in shown if re.search(r"[^\W\d_]{2,}", words := NAMES.sub("", unescape(text)).strip())]


@pytest.mark.parametrize(("source", "words"), [
    ("<p>{{ _('Data') }}</p>", []), ("<p>Data</p>", ["Data"]), ("{% trans %}Data{% endtrans %}", []),
    ("{% trans n=3 %}{{ n }} rows{% endtrans %} of it", ["of it"]), ('<a title="{{ _("x") }}" href="data"></a>', []),
    ('<a title="Data"></a>', ["Data"]), ("{% if a %}yes{% else %}{{ _('no') }}{% endif %}", ["yes"]),
    ("<p>MLflow {{ 3 }} UTC</p>", []),
])  # fmt: skip
def test_text_beside_the_catalogues_is_seen(source: str, words: list[str]) -> None:
    assert beside(source) == words


@pytest.mark.parametrize(("query", "cookies", "accepted", "expected"), [
    ({}, {}, "", "en"), ({}, {}, "ko-KR,ko;q=0.9,en;q=0.8", "ko"), ({}, {}, "de-DE,fr", "en"),
    ({}, {"moebius_language": "ko"}, "en", "ko"), ({"language": "en"}, {"moebius_language": "ko"}, "ko", "en"),
    ({"language": "xx"}, {"moebius_language": "<b>"}, "*", "en"), ({}, {}, "en-US,ko;q=0.5", "en"),
])  # fmt: skip
def test_the_address_goes_before_the_cookie_and_the_cookie_before_the_browser(
    query: dict[str, str], cookies: dict[str, str], accepted: str, expected: str
) -> None:
    assert language.chosen(query, cookies, accepted) == expected


def test_a_text_with_a_number_is_translated_whatever_the_number() -> None:
    texts = language.translations("ko")
    one = "%(num)s alert fires now"
    assert texts.ngettext(one, "%(num)s alerts fire now", 1) == texts.ngettext(one, "%(num)s alerts fire now", 5) != one
