"""The first page: each use case's state, pictures and facts; what needs a person first; what is not known is said."""

import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.contracts.operations import Alert, Figure, FiringAlert
from include.contracts.period import Period
from include.contracts.runs import OpenRun, OpenWork, RequiredAction
from include.deployment import rollout
from include.records.registry import FIGURES
from include.services import checking
from include.services.composition import Services
from include.specification.loader import load_usecase, specifications
from include.ui import loop_words
from include.ui.access import Reader
from include.ui.charts import overview as charts
from include.ui.pages import overview
from tests.unit.fakes.adapters import services_in
from tests.unit.fakes.serving import FiringAlerts
from tests.unit.ui.rendering import render

SPEC = load_usecase("flight_delay")
AT = datetime(2013, 6, 1, 12, tzinfo=UTC)
QUESTION = RequiredAction(
    usecase=SPEC.name, family="retrain_evaluation", run="manual__2013-06-01T00:00:00+00:00", task="ask_people",
    map_index=-1, subject="Release <b>version 3</b>?", since=AT,
)  # fmt: skip


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """One use case serves, with two windows; the others have nothing."""
    services = services_in(tmp_path)
    for period, values in (("2013-04", (0.70, 0.0, 0)), ("2013-05", (0.66, 0.04, 1))):
        named = dict(zip((SPEC.metrics.primary, "performance_loss", "drifted_features"), values, strict=True))
        figures = [figure(period, name, value) for name, value in {**named, "rows": 1200.0}.items()]
        FIGURES.replace(SPEC.name, services.adapters.lake, Period(period), figures)
    rollout.write(services.adapters.state, rollout.first(SPEC, "r0001"))
    return services


def figure(period: str, name: str, value: float) -> Figure:
    bounds = {"low": value - 0.01, "high": value + 0.01} if name == SPEC.metrics.primary else {}
    of = {"usecase": SPEC.name, "release": "r0001", "period": Period(period), "name": name, "value": value}
    return Figure(**of, **bounds)


def page(services: Services, work: OpenWork | None = None, role: str = "auditor", language: str = "en") -> str:
    view: Any = SimpleNamespace(
        reader=Reader(services, "ada", role), text=str, small_picture=lambda drawn, label: f"[{label}]"
    )
    content = overview.shown(view, work or OpenWork())
    return render("overview.html", language=language, reader=view.reader, **content)


def cards(text: str) -> dict[str, str]:
    """Title of a card → its text, in the order of the page."""
    parts = re.findall(r"<article .*?</article>", text, re.DOTALL)
    return {re.search(r"<h2[^>]*>(?:<a[^>]*>)?([^<]*)", part)[1]: part for part in parts}  # type: ignore[index]


def state(card: str) -> str:
    found = re.search(r'class="mark \w+">.*?</svg>([^<]*)</span>', card)
    assert found
    return found[1]


def test_a_use_case_that_serves_has_pictures_numbers_and_their_source(services: Services) -> None:
    mine = cards(page(services))[SPEC.title]
    assert state(mine) == "serving well"
    assert "[Flight delay at scheduled departure: roc_auc by window, with its limit]" in mine
    assert "0.660" in mine
    assert "[0.650, 0.670]" in mine
    limit = 0.66 + 0.04 - SPEC.monitoring.performance_loss
    assert f"limit {limit:.3f}" in mine
    assert "<strong>1,200</strong>" in mine
    assert "/dags/flight_delay.monitoring/runs" in mine
    for fact in ("Published", "Last verdict", "Last retrain decision", "none yet"):
        assert fact in mine


def test_what_needs_a_person_comes_first_and_leads_to_the_form(services: Services) -> None:
    shown = cards(page(services, OpenWork(questions=(QUESTION,))))
    assert next(iter(shown)) == SPEC.title
    assert state(shown[SPEC.title]) == "needs you"
    assert "Release &lt;b&gt;version 3&lt;/b&gt;?" in shown[SPEC.title]
    form = "runs/manual__2013-06-01T00%3A00%3A00%2B00%3A00/tasks/ask_people/required_actions?map_index=-1"
    assert f'href="/dags/flight_delay.retrain_evaluation/{form}" data-outside' in shown[SPEC.title]


def test_a_use_case_without_a_release_says_so_and_what_to_do(services: Services) -> None:
    other = cards(page(services))[load_usecase("digit_image").title]
    assert state(other) == "nothing serves yet"
    assert "/dags/digit_image.training" in other


def test_without_prometheus_the_page_says_so_and_nothing_is_green(services: Services) -> None:
    services.adapters.metrics_server.away = True  # type: ignore[attr-defined]
    text = page(services)
    assert "Prometheus did not answer" in text
    assert state(cards(text)[SPEC.title]) == "not judged"
    assert "serving well</span> <strong>" not in text


def test_without_airflows_database_questions_are_unknown(services: Services) -> None:
    text = page(services, OpenWork(unknown="the database is away"))
    assert "the database is away" in text
    assert state(cards(text)[SPEC.title]) == "not judged"
    assert "none is open" not in text


def alert(usecase: str, severity: str) -> Alert:
    of: dict[str, Any] = {"usecase": usecase, "severity": severity, "period": "", "value": 1}
    return Alert(name="MoebiusIt", release="", summary="<script>it</script> happened", **of)


def test_an_alert_is_on_its_use_case_and_one_of_the_platform_on_top(services: Services) -> None:
    services.adapters.metrics_server = FiringAlerts(alert(SPEC.name, "repair"), alert("", "look"))  # type: ignore[misc, assignment]
    text = page(services)
    assert state(cards(text)[SPEC.title]) == "broken"
    assert "Alert: &lt;script&gt;it&lt;/script&gt; happened" in cards(text)[SPEC.title]
    assert "<script>it" not in text
    assert 'href="/moebius/runbooks/MoebiusIt"><strong>MoebiusIt</strong>' in text.partition('<ul class="cards')[0]


def test_what_proves_an_alert_of_the_platform_is_on_the_platform_s_page(services: Services) -> None:
    services.adapters.metrics_server = FiringAlerts(alert("", "look"))  # type: ignore[misc, assignment]
    for role, address in (("operator", "/moebius/alerts/"), ("viewer", "")):
        mine = cards(page(services, role=role))[SPEC.title].partition('class="why"')[2].partition("</p>")[0]
        assert "Alert of the platform" in mine
        assert re.findall(r'href="([^"]*)"', mine) == [address] * bool(address)


class SinceMay(FiringAlerts):
    """Alerts that fire since a time that is known."""

    def all_firing(self, seconds: float) -> list[FiringAlert]:
        return [one.model_copy(update={"since": AT}) for one in super().all_firing(seconds)]


def test_an_alert_of_the_platform_is_no_incident_of_a_use_case(services: Services) -> None:
    for usecase, named in ((SPEC.name, True), ("", False)):
        services.adapters.metrics_server = SinceMay(alert(usecase, "look"))  # type: ignore[misc, assignment]
        last = cards(page(services))[SPEC.title].partition("Last incident")[2].partition("</dd>")[0]
        assert ("MoebiusIt" in last) == named, last


def test_a_role_that_reads_no_figures_sees_the_state_without_them(services: Services) -> None:
    services.adapters.metrics_server = FiringAlerts(alert(SPEC.name, "look"))  # type: ignore[misc, assignment]
    mine = cards(page(services, role="viewer"))[SPEC.title]
    assert "not shown: the role viewer does not read the table figures" in mine
    assert "0.660" not in mine
    assert "Alert: MoebiusIt" in mine
    assert "happened" not in mine


def test_faults_of_specs_are_shown_also_of_one_that_makes_no_card(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = {"unreadable": ["usecase.yaml:1: no"], SPEC.name: ["features.py:3: <b>no column</b>"]}
    monkeypatch.setattr(checking, "known", lambda settings: faults)
    shown = cards(page(services))
    assert state(shown["unreadable"]) == state(shown[SPEC.title]) == "broken"
    assert "features.py:3: &lt;b&gt;no column&lt;/b&gt;" in shown[SPEC.title]
    assert len(shown) == len(specifications().good) + 1


def test_damaged_records_of_one_use_case_hide_no_other(services: Services) -> None:
    services.adapters.state.put(f"controls/{SPEC.name}.json", "<b>no JSON</b>")
    shown = cards(page(services))
    assert next(iter(shown)) == SPEC.name
    assert "Its records cannot be read:" in shown[SPEC.name]
    assert state(shown[load_usecase("digit_image").title]) == "nothing serves yet"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_state_and_reason_has_its_words(services: Services, language: str) -> None:
    text = page(services, language=language)
    assert len(re.findall(r"<dt><span class=\"mark", text)) == len(loop_words.STATES)
    assert ("조치 필요" in text) == (language == "ko")
    assert set(loop_words.LEVELS) == set(loop_words.STATES) == set(loop_words.MEANINGS)


def test_a_run_is_linked_and_a_page_only_when_it_is_served(services: Services) -> None:
    work = OpenWork(runs=(OpenRun(usecase=SPEC.name, family="training", run="r 1", since=AT),))
    mine = cards(page(services, work))[SPEC.title]
    assert state(mine) == "deciding"
    assert 'href="/dags/flight_delay.training/runs/r%201" data-outside' in mine


def test_pictures_have_a_mark_with_words_for_each_window() -> None:
    rows = [
        {"at": "a", "value": 0.7, "limit": 0.6, "beyond": False, "share": 0.1, "said": "first"},
        {"at": "b", "value": None, "limit": None, "beyond": False, "share": None, "said": "second"},
    ]
    metric, drift = charts.metric(rows), charts.drift(rows, 1.5)
    assert [row["said"] for row in metric["data"]["values"]] == ["first", "second"]
    assert metric["layer"][2]["encoding"]["description"]["field"] == "said"
    assert drift["layer"][0]["encoding"]["description"]["field"] == "said"
    assert drift["layer"][1]["encoding"]["y"]["datum"] == 1.0, "a limit beyond all features is at their top"


def test_a_page_reads_a_table_again_when_it_has_changed(services: Services) -> None:
    assert "0.660" in page(services)
    FIGURES.replace(SPEC.name, services.adapters.lake, Period("2013-05"), [
        figure("2013-05", name, value) for name, value in ((SPEC.metrics.primary, 0.61), ("rows", 10.0))
    ])  # fmt: skip
    assert "0.610" in page(services)
