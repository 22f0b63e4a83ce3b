"""Plain words: no old-fashioned or unclear phrases, no long sentences; a failure names file, line and replacement."""

import re
from collections.abc import Iterator

import pytest

from tests.architecture import prose
from tests.architecture.prose import Text

BANNED = {
    r"anew": "again, or: from scratch",
    r"mend(s|ed|ing)?": "repair",
    r"whose word": "who decided",
    r"on (the|its|whose) word": "name the actor: who decided",
    r"who(ever)? may ask": "which clients may call",
    r"who is looking": "checks the login and the role",
    r"who asks": "the client, or: the login",
    r"(what|was|were|as) agreed": "name the spec or the limit",
    r"(comes?|came) out again": "is reproduced",
    r"how often it was so": "the observed share",
    r"(meets?|met by) the truth|the truth (that|which)": "the label",
    r"can(not)? be told|none can be told|is told|are told|was told": "is known, is shown, or: can be distinguished",
    r"(told|tell|tells) apart": "distinguished",
    r"tells? of": "describes",
    r"goes on": "continues",
    r"(keeps?|kept|holds?|held) to": "follows, or: obeys",
    r"in good order|in order again": "correct",
    r"so (many|long|much) (as|at)": "as many as, as long as",
    r"after so (long|many)|so long in": "after this time",
    r"the way out": "what to do",
    r"that there are": "existing",
    r"(lies|lie|lay) (in|below|beside|at|on)": "is in",
    r"stands? (in|beside|below|at) (?!clear)": "is in",
    r"of itself|by its nature": "leave it out",
    r"hence|thereof|whereby|wherein|whereof|wherefrom|thereby|thus|shall|ere|lest|albeit": "a plain word",
    r"simply|obviously|easily|of course|basically|leverage|utili[sz]e": "leave it out",
    r"production good": "accurate",
    r"what (really )?answers": "the serving release",
    r"gives? back what": "name what is returned",
    r"bears? (on|with)": "name the effect",
    r"meant for": "for",
    r"(?<!there )(?<!There )(is|are|was|were) no (?!longer|more\b|less|better|worse|reason|need|larger|further|one\b)":
        "is not a …, are not …",
    r", else\b": "otherwise",
    r"nobody's|somebody's": "name the owner",
}  # fmt: skip
LONGEST = {"page": 40, "message": 45}
KINDS = {
    "page": (prose.pages, prose.runbooks),
    "message": (prose.messages, prose.descriptions, prose.cards_and_reports, prose.templates),
}
QUOTING = {"CONTRIBUTING.md"}


def faults(texts: list[Text], longest: int) -> Iterator[str]:
    """One line per fault: place, words, replacement."""
    for file, line, text in texts:
        for pattern, replacement in BANNED.items():
            if found := re.search(rf"(?<![\w-])(?:{pattern})(?!\w)", text, re.IGNORECASE):
                yield f"{file}:{line}: “{found[0]}” → {replacement} (in: {text[:160]})"
        for sentence in prose.sentences(text):
            if len(sentence.split()) > longest:
                yield f"{file}:{line}: {len(sentence.split())} words, at most {longest}: split “{sentence[:160]}…”"


@pytest.mark.parametrize(
    ("kind", "source"),
    [(k, s) for k, sources in KINDS.items() for s in sources],
    ids=lambda x: getattr(x, "__name__", x),
)
def test_prose_is_plain(kind: str, source) -> None:
    texts = [text for text in source() if text.file not in QUOTING]
    assert texts, "the check found no text: its paths are out of date"
    assert not list(faults(texts, LONGEST[kind]))


def test_module_docstrings_are_plain() -> None:
    texts = [text for text in prose.module_docstrings() if text.file != "include/errors.py"]  # a drawn tree
    assert not list(faults(texts, longest=60))


def test_the_check_names_place_words_and_replacement() -> None:
    (fault,) = faults([Text("README.md", 3, "The task is repaired and goes on.")], 40)
    assert fault.startswith("README.md:3: “goes on” → continues")
    (fault,) = faults([Text("README.md", 3, "word " * 41)], 40)
    assert "41 words, at most 40" in fault
    assert not list(faults([Text("README.md", 3, "There is no server. The model is no longer there.")], 40))


def test_code_is_no_prose() -> None:
    page = "Text `is no x` and [a link](goes on).\n\n```\nanew\n```\n\n| a cell | anew |\n- an item\n"
    texts = [text for _, _, text in prose.paragraphs("a.md", page)]
    assert texts == ["Text CODE and a link.", "a cell", "anew", "- an item"]
