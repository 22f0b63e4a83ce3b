"""What the DAGs write into forms is shown in the reader's language, with their own values; and lengths of time are."""

import pytest

from include.contracts.calendar import Span
from include.contracts.period import Period
from include.ui import form_words, language, lengths


@pytest.mark.parametrize(("text", "korean"), [
    ("First month, like 2013-01.", "첫 달(예: 2013-01)."), ("First hour", "첫 시간"), ("Month", "기간(달)"),
    ("Day, like 2013-03-01, or a range, like 2013-03-01..2013-03-03.",
     "날(예: 2013-03-01) 또는 범위(예: 2013-03-01..2013-03-03)."),
    ("Last week to train on; empty: the week before the test.", "학습에 쓸 마지막 주. 비워 두면 시험 직전 주."),
    ("Arrivals: now? {0}: may this table leave?", "Arrivals: now? {0}: 이 테이블을 내보내도 됩니까?"),
    ("r0002 says late", "r0002의 답: late"),
    ("She says yes", "She says yes"),
    ("Last week to train on; empty: the month before the test.",
     "Last week to train on; empty: the month before the test."),
    ("a text of a use case's own", "a text of a use case's own"), ("", ""),
])  # fmt: skip
def test_a_text_of_a_form_in_korean(text: str, korean: str) -> None:
    assert form_words.translated(text, language.translations("ko").gettext) == korean
    assert form_words.translated(text, language.translations("en").gettext) == text


@pytest.mark.parametrize(("length", "english", "korean"), [
    ("24 hours", "24 hours", "24시간"), ("1 hour", "1 hour", "1시간"), ("10 months", "10 months", "10개월"),
    ("2 weeks", "2 weeks", "2주"), ("1234 days", "1,234 days", "1,234일"), ("0 hours", "0 hours", "0시간"),
])  # fmt: skip
def test_a_length_of_time_in_both_languages(length: str, english: str, korean: str) -> None:
    assert (lengths.span("en", Span(length)), lengths.span("ko", Span(length))) == (english, korean)


def test_counted_periods_in_both_languages() -> None:
    months = Period.ranged("2013-01..2013-03")
    assert lengths.counted("en", months) == "2013-01..2013-03 (3 months)"
    assert lengths.counted("ko", months) == "2013-01..2013-03 (3개월)"
    assert lengths.counted("ko", [Period("2013-03-01")]) == "2013-03-01 (1일)"
