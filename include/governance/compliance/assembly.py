"""Puts the answers together: one tree of items for every rendering."""

from collections.abc import Mapping
from datetime import datetime

from include.contracts.compliance import Bundle, Chapter, Item, Section
from include.governance.compliance import assessment, data_protection, general, operation  # noqa: F401  they register
from include.governance.compliance.answering import ANSWERS, Answer
from include.governance.compliance.facts import Facts
from include.governance.compliance.law import Law, LawSection

NOTICE = (
    "This bundle says what is evidenced and what is missing. It claims no conformity with any law and is no legal "
    "advice: whether a law applies and is met is for the provider, the deployer and the controller to judge."
)
WITHOUT_PERSONS = ("gdpr.22.decision", "gdpr.22.intervention", "gdpr.35.need")
"""Items of the GDPR that are answered where the spec marks no column as personal, too."""


def bundle(facts: Facts, known: Mapping[str, Law], environment: str, made_at: datetime) -> Bundle:
    """The evidence bundle of the release; the same facts give the same content at any time."""
    return Bundle(
        usecase=facts.spec.name, title=facts.spec.title, environment=environment, release=facts.release.name,
        model_version=facts.release.model_version, made_at=made_at, notice=NOTICE,
        chapters=[_chapter(facts, key, law) for key, law in known.items()],
    ).sealed()  # fmt: skip


def _chapter(facts: Facts, key: str, law: Law) -> Chapter:
    named = law.model_dump(include={"title", "source", "checked_on", "checked_against", "dates", "open"})
    sections = [_section(facts, f"{key}.{number}", section) for number, section in law.sections.items()]
    return Chapter(key=key, sections=sections, **named)


def _section(facts: Facts, key: str, section: LawSection) -> Section:
    items = [
        _item(facts, f"{key}.{name}", f"{section.reference} {asked.of}".strip(), asked.title)
        for name, asked in section.items.items()
    ]
    return Section(key=key, title=section.title, items=items)


def _item(facts: Facts, key: str, reference: str, title: str) -> Item:
    if key.startswith("gdpr.") and not facts.personal and key not in WITHOUT_PERSONS:
        says = [f"The spec of {facts.spec.name} marks no column as personal (privacy.columns)."]
        answer = Answer(says, [facts.of_spec("privacy classes", "privacy.columns")], applies=False)
    else:
        answer = ANSWERS[key](facts)
    return answer.item(key, reference, title)
