"""Alerts from when they fired to when they were resolved, what was done, and the runbook of each."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from markupsafe import Markup

from include.adapters.metrics_server import rule_file
from include.contracts.controls import Hold
from include.contracts.operations import Alert, FiredAlert, RecordedDecision, RetrainPlan
from include.contracts.period import Period
from include.errors import NotFoundError
from include.operations.alerts.alerts import groups, rules_text
from include.records.registry import DECISIONS
from include.services.composition import Services
from include.specification.loader import load_usecase
from include.ui.access import Reader
from include.ui.pages import alerts as pages
from include.ui.runbooks import runbooks
from tests.unit.fakes.adapters import services_in
from tests.unit.ui.rendering import render

SPEC = load_usecase("flight_delay")
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
INJECTED = "<img src=x>"


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """An alert that fires and was decided on, one that is over, and the rules."""
    services = services_in(tmp_path)
    services.adapters.metrics_server.fired_before = [  # type: ignore[attr-defined]
        FiredAlert(name="MoebiusGateRefused", severity="repair", release="", about={"gate": INJECTED},
                   since=NOW - 9 * HOUR, until=NOW - 8 * HOUR),
        FiredAlert(name="MoebiusFeatureDrift", severity="look", release="r0001", about={},
                   since=NOW - 3 * HOUR, until=None),
    ]  # fmt: skip
    file = rule_file(services.settings)
    file.parent.mkdir(parents=True)
    file.write_text(rules_text([SPEC], "http://pages"))
    named = Alert(
        name="MoebiusFeatureDrift",
        usecase=SPEC.name,
        severity="look",
        release="r0001",
        period="2013-06",
        value=4,
        summary="s",
    )
    plan = RetrainPlan(
        usecase=SPEC.name, name="2013-06-keep-1", decision="keep", cause="the season", evidence=[],
        action="check the features",
        train_from=None, train_to=None, test_from=None, test_to=None, alerts=[named], decided_at=NOW - 2 * HOUR,
    )  # fmt: skip
    decision = RecordedDecision(period=Period("2013-06"), decision="keep", decided_at=plan.decided_at, record=plan)
    DECISIONS.append(SPEC.name, services.adapters.lake, [decision])
    return services


def view() -> Any:
    def picture(chart: Any, label: str) -> Markup:
        drawn = chart(340)
        return Markup("<b>{} {}</b>").format(label, len(drawn["layer"]))

    return SimpleNamespace(text=lambda text: text, picture=picture)


def page(services: Services, role: str = "auditor", spec: Any = SPEC) -> str:
    reader = Reader(services, "ada", role)
    content = pages.shown(spec, reader, 14, NOW)
    around = {"timeline": pages._picture(view(), content), **pages._words(view())}
    return render("alerts.html", spec, reader=reader, **content, **around)


def test_what_fires_what_is_over_and_what_was_done_is_shown(services: Services) -> None:
    html = page(services)
    assert "1 alert fires now" in html
    assert "1 resolved in the last 14 days" in html
    assert "Clock of the servers, UTC" in html
    assert 'href="/moebius/runbooks/MoebiusFeatureDrift"' in html
    assert '<a href="#decisions">keep the champion</a>, the season' in html
    assert "nothing recorded; the runbook says what to do" in html
    assert '<td class="n">1 h</td>' in html
    assert INJECTED not in html
    assert f"{len(groups([SPEC])[f'moebius:{SPEC.name}'])} rules are watched" in html


def heading(services: Services) -> str:
    return page(services).partition('class="verdict-line">')[2].partition("</p>")[0]


def test_the_heading_has_the_mark_of_the_worst_that_fires(services: Services) -> None:
    assert 'class="mark watch"' in heading(services)
    fired = services.adapters.metrics_server.fired_before  # type: ignore[attr-defined]
    fired.append(fired[0].model_copy(update={"until": None}))
    assert 'class="mark bad"' in heading(services)


def test_what_an_alert_means_is_said_once(services: Services) -> None:
    fired = services.adapters.metrics_server.fired_before  # type: ignore[attr-defined]
    fired.insert(0, fired[1].model_copy(update={"since": NOW - 20 * HOUR, "until": NOW - 19 * HOUR}))
    html = page(services)
    assert html.count('/runbooks/MoebiusFeatureDrift">MoebiusFeatureDrift</a><br><span class="meaning"') == 1
    assert html.count('<th scope="row"><a href="/moebius/runbooks/MoebiusFeatureDrift"') == 3, "two rows, and its rule"


def test_silences_and_pauses_in_force_are_shown(services: Services) -> None:
    now = datetime.now(UTC)
    hold = Hold(by="olga", reason=f"the storm {INJECTED}", since=now - HOUR, until=now + 9 * HOUR)
    assert "None: every alert is heard" in page(services)
    services.controls.set_silence(SPEC, "MoebiusFeatureDrift", hold)
    services.controls.set_pause(SPEC, hold)
    html = page(services)
    assert html.count("the storm &lt;img src=x&gt;") == 3, "the pause, the silence, and beside the alert"
    assert "Silence of" in html
    assert "Pause of retrains and deployments" in html


def test_without_prometheus_the_decisions_tell_what_they_know(services: Services) -> None:
    services.adapters.metrics_server.away = True  # type: ignore[attr-defined]
    html = page(services)
    assert "Prometheus does not answer" in html
    assert "Prometheus did not answer" in html, "why"
    assert "Shown instead: the alerts that recorded decisions name." in html
    assert "<b>Alerts from when each fired" in html, "the decisions are drawn"
    assert "the season" in html


def test_a_role_that_reads_no_figures_sees_no_alerts(services: Services) -> None:
    html = page(services, "viewer")
    assert "not shown: the role viewer does not read the table figures" in html
    assert "MoebiusFeatureDrift" not in html


def test_the_platform_has_a_page_of_its_own(services: Services) -> None:
    html = page(services, spec=None)
    assert "Alerts: the platform" in html
    assert "Decisions of the retrain trigger" not in html
    assert "MoebiusExporterDown" in html


def test_nothing_fired_is_said(tmp_path: Path) -> None:
    html = page(services_in(tmp_path))
    assert "No alert fires now" in html
    assert "No alert fired in the last 14 days." in html
    assert "No rules were written for Prometheus here" in html


def test_every_alert_has_a_runbook_with_a_meaning_and_no_link_leads_astray() -> None:
    known = runbooks()
    every = {rule.name for of in groups([SPEC]).values() for rule in of}
    assert every <= set(known)
    for name in every:
        assert known[name].meaning.strip()
        assert ".md" not in "".join(part for part in known[name].html.split('href="')[1:]).split('"')[0], name
        assert "<script" not in known[name].html


def test_a_runbook_page_says_where_the_alert_is_watched(services: Services) -> None:
    content = pages.described(Reader(services, "ada", "viewer"), "MoebiusServingErrors")
    html = render("runbook.html", None, **content, **pages._words(view()))
    assert "<table>" in html.split("Where it is watched")[0], "the table of outcomes of the reference"
    assert 'href="/moebius/alerts/flight_delay"' in html
    with pytest.raises(NotFoundError, match="there is no alert 'MoebiusNothing'"):
        pages.described(Reader(services, "ada", "viewer"), "MoebiusNothing")


@pytest.mark.parametrize(("length", "words"), [
    (timedelta(seconds=0), "0 s"), (timedelta(seconds=59), "59 s"), (timedelta(minutes=61), "1 h 1 min"),
    (timedelta(days=2), "2 d"), (timedelta(days=2, minutes=5), "2 d"),
])  # fmt: skip
def test_how_long_it_lasted_is_said_in_its_two_largest_units(length: timedelta, words: str) -> None:
    assert pages.lasted(lambda text: text, length) == words
