"""The question to who approves begins with the picture of the verdict, which Airflow's Markdown takes."""

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from include.governance.routes import ROUTES
from include.services import questions
from include.services.composition import Services
from include.specification.loader import load_usecase
from tests.unit.fakes.adapters import services_in
from tests.unit.fakes.verdicts import record, verdict

SPEC = load_usecase("flight_delay")


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path)


def body(services: Services, champion: int | None = 2, **changes: object) -> str:
    given = verdict(SPEC, 4, champion, **changes).model_copy(update={"gates": []})
    judged = record(services, SPEC, given)
    judged = judged.model_copy(update={"evidence": ""})  # the record of this test has the verdict alone
    return questions.body(SPEC, services.approvals.history(SPEC), judged, ["ada"])


def test_the_picture_is_of_the_same_host_and_says_its_numbers(services: Services) -> None:
    text = body(services)
    html = MarkdownIt("commonmark").render(text)
    assert (
        '<img src="moebius/verdicts/flight_delay/4/picture.svg?entry=3" alt="roc_auc: A 0.6300 (0.6100 to 0.6500)'
        in html
    )
    assert "D-C +0.0500 (+0.0300 to +0.0700)" in html
    assert '<a href="moebius/verdicts/flight_delay/4?entry=3">The verdict as a page' in html
    assert text.index("picture.svg") < text.index("# flight_delay, model 4")


def test_both_addresses_are_routes_of_the_pages() -> None:
    page = questions.PAGE
    assert f"GET /{page}" in ROUTES
    assert f"GET /{page}/picture.svg" in ROUTES


def test_airflow_keeps_an_address_without_a_scheme() -> None:
    """Its Markdown drops every address whose scheme is not http, https, irc, mailto or xmpp: also ``data:``."""
    assert ":" not in questions.PAGE.format(usecase="a", version=1)


def test_a_verdict_without_figures_has_no_picture_and_the_link_still(services: Services) -> None:
    text = body(services, cells=[], differences={}, decision="data_problem")
    assert "picture.svg" not in text
    assert "](moebius/verdicts/flight_delay/4?entry=3)" in text
