"""The laws are data: complete, dated, with a source; and nobody forgets to check them."""

from datetime import date
from pathlib import Path

import pytest

from include.contracts.calendar import Span
from include.errors import SpecError
from include.governance.compliance import assembly  # noqa: F401  its modules register the answers
from include.governance.compliance.answering import ANSWERS
from include.governance.compliance.law import laws, overdue


def test_every_item_of_the_laws_has_one_answer_and_every_answer_its_item() -> None:
    asked = {
        f"{key}.{s}.{i}" for key, law in laws().items() for s, section in law.sections.items() for i in section.items
    }
    assert asked == set(ANSWERS)


def test_the_headings_are_those_of_annex_iv_and_of_the_articles() -> None:
    assert [*laws()["ai_act"].sections] == [str(number) for number in range(1, 10)]
    assert [*laws()["gdpr"].sections] == ["13", "14", "15", "22", "35"]
    references = [section.reference for section in laws()["ai_act"].sections.values()]
    assert all(reference.startswith(f"Annex IV, point {n}") for n, reference in enumerate(references, 1))


def test_a_law_is_due_after_the_time_that_the_use_case_allows() -> None:
    (*_, last) = sorted(law.checked_on for law in laws().values())
    assert overdue(laws(), last, Span("30 days")) == []
    late = overdue(laws(), date(last.year + 1, last.month, last.day), Span("90 days"))
    assert len(late) == len(laws())
    assert all("https://eur-lex.europa.eu/" in line and str(last) in line for line in late)


def test_no_law_was_checked_in_the_future_nor_says_so_without_a_source() -> None:
    for law in laws().values():
        assert law.checked_on <= date.today()
        assert law.checked_against
        assert [one.day for one in law.dates] == sorted(one.day for one in law.dates)


@pytest.mark.parametrize("content", ["", "a: [", "a: {title: x}", "[1]"])
def test_a_file_that_is_no_law_is_named(content: str, tmp_path: Path) -> None:
    file = tmp_path / "law.yaml"
    file.write_text(content)
    with pytest.raises(SpecError, match=r"law\.yaml holds no laws"):
        laws(file)
