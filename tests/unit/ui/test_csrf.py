"""A form counts when a page that the same login looked at sent it."""

import pytest
from fastapi import HTTPException

from include.ui import csrf

NOW, HOST = 1_000_000.0, {"host": "here:8080"}


@pytest.mark.parametrize("headers", [
    {}, {"sec-fetch-site": "same-origin"}, {"origin": "http://here:8080"},
    {"origin": "http://here:8080", "sec-fetch-site": "same-origin"},
])  # fmt: skip
def test_a_form_of_our_own_page_counts(headers: dict[str, str]) -> None:
    assert csrf.fault("ada", csrf.token("ada", NOW), HOST | headers, NOW + 60) == ""


@pytest.mark.parametrize("headers", [
    {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "http://evil"}, {"origin": "null"},
])  # fmt: skip
def test_a_form_of_another_site_does_not_count_even_with_a_token(headers: dict[str, str]) -> None:
    assert csrf.fault("ada", csrf.token("ada", NOW), HOST | headers, NOW) == "another site sent the form"


@pytest.mark.parametrize("given", ["", "x", "1000060.00", "9" * 30, "१.00", "1.é", csrf.token("eve", NOW)])
def test_a_token_of_another_login_or_none_does_not_count(given: str) -> None:
    assert csrf.fault("ada", given, HOST, NOW) == "the form has no token of this login"


def test_a_token_ends_and_its_end_cannot_be_moved() -> None:
    given = csrf.token("ada", NOW)
    assert csrf.fault("ada", given, HOST, NOW + csrf.SECONDS + 1) == "the page was open for too long"
    until, _, signature = given.partition(".")
    assert csrf.fault("ada", f"{int(until) + 60}.{signature}", HOST, NOW)


def test_what_does_not_count_is_refused_and_says_what_to_do() -> None:
    with pytest.raises(HTTPException, match=r"nothing was changed\. Open the page again") as refused:
        csrf.require("ada", "", HOST)
    assert refused.value.status_code == 403
    csrf.require("ada", csrf.token("ada"), HOST)
