"""The page of a use case answers a stranger: what serves, why, since when, who approved it, on what data, how good."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.contracts.operations import Alert, Figure, FiringAlert, RecordedDecision
from include.contracts.period import Period
from include.deployment import rollout
from include.errors import DeploymentError, ServiceError
from include.governance import approval
from include.records.registry import DECISIONS, FIGURES, ROLLOUT_EVENTS
from include.services.composition import Services
from include.specification.data import Periods
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.ui.access import Reader
from include.ui.pages.loop import shown
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.fakes.approvals import judge
from tests.unit.operations.overview.test_timeline import REPLAYED, event, figure, plan
from tests.unit.ui.rendering import render

SPEC = load_usecase("flight_delay")
RHYTHMS = {
    "hour": ("2013-04-01T05Z", None), "day": ("2013-04-01", "Asia/Tokyo"), "week": ("2013-W14", "Asia/Tokyo"),
    "month": ("2013-04", "Asia/Tokyo"),
}  # fmt: skip


def by(every: str) -> UseCase:
    """The use case in another rhythm."""
    first, timezone = RHYTHMS[every]
    periods = Periods.model_validate({"first": first, "schedule": "0 6 * * *", "timezone": timezone})
    return SPEC.model_copy(update={"periods": periods})


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """A use case of which nothing is known."""
    services = services_in(tmp_path)
    services.adapters.experiment_reader = SimpleNamespace(page=lambda *_: "/mlflow")  # type: ignore[misc, assignment]
    return services


@pytest.fixture
def serving(services: Services) -> Services:
    """Version 2 serves as r0001, measured in two windows; an alert asked for a retrain in the second."""
    name = packaged(services, SPEC, 2)
    rollout.write(services.adapters.state, rollout.first(SPEC, name))
    lake = services.adapters.lake
    for period, value, loss, breached in (("2013-04", 0.71, 0.01, 0), ("2013-05", 0.62, 0.09, 1)):
        figures = [
            figure("rows", period, 900), figure("roc_auc", period, value, low=value - 0.02, high=value + 0.02, n=900),
            figure("performance_loss", period, loss), figure("breached", period, breached),
            figure("psi", period, 3, subject="temp"), figure("psi", period, 0.1, subject="dewp"),
            figure("labelled", period, 800), figure("unmatched", period, 100), figure("not_due", period, 100),
        ]  # fmt: skip
        FIGURES.replace(SPEC.name, lake, Period(period), figures)
    ROLLOUT_EVENTS.append(SPEC.name, lake, [event("promoted", name, REPLAYED)])
    alert = Alert(
        name="MoebiusPerformanceLoss", usecase=SPEC.name, severity="retrain", release=name, period="2013-05", value=1,
        summary="lost <b>more</b>",
    )  # fmt: skip
    decided = plan("2013-05", "retrain", REPLAYED.replace(hour=5), alert)
    row = RecordedDecision(period=Period("2013-05"), decision="retrain", decided_at=decided.decided_at, record=decided)
    DECISIONS.append(SPEC.name, lake, [row])
    return services


def page(services: Services, spec: UseCase = SPEC, role: str = "auditor", **more: Any) -> str:
    reader = Reader(services, "ada", role)
    return render("loop.html", spec, loop_={**shown(spec, reader), **more}, reader=reader)


def test_a_stranger_reads_what_serves_and_why(serving: Services) -> None:
    text = page(serving)
    for words in (
        "<strong>r0001</strong>", "model version 2", "2026-11-29 02:00 UTC",
        "(time of the server); by the time of the events it answers most since window 2013-04",
        "<strong>ada</strong>", "it is better", "snapshots: 0", "/catalog/flight_delay/dataset/", "/mlflow",
        "2013-05: roc_auc <strong>0.620</strong> [0.600, 0.640]", "surely beyond the limit",
        "0.090 worse than on the test set of its release; 0.03 worse is allowed: limit roc_auc 0.680",
        "A is the champion and B the candidate on the old test set",
        "1 of 2 features drifted", "80 % known, 10 % never came, 10 % not due yet", "MoebiusPerformanceLoss",
        "lost &lt;b&gt;more&lt;/b&gt;", "2013-05-retrain-0123abcd",
    ):  # fmt: skip
        assert words in text, words
    assert "<b>more" not in text
    for path in (
        "verdicts/flight_delay/2",
        "monitoring/flight_delay",
        "rollouts/flight_delay",
        "approvals/flight_delay",
    ):
        assert f'href="/moebius/{path}"' in text, "each figure leads to the page that has all of it"


def test_the_test_of_a_refit_is_named_as_that_of_its_proof_and_a_reason_is_whole(serving: Services) -> None:
    judge(serving, SPEC, 1)
    reader, proof = Reader(serving, "ada", "auditor"), {"version": 1, "artifact_hash": "0" * 64}
    known, signed, long = shown(SPEC, reader)["known"], [], "it is better by a lot; " * 30 + "Roll it out."
    for entry in reader.records.approvals(SPEC):
        of_refit = entry.event == "registered" and entry.version == 2
        changed = {"facts": entry.facts | {approval.PROOF: proof}} if of_refit else {}
        signed.append(entry.model_copy(update=changed | ({"reason": long} if entry.event == "verdict" else {})))
    text = page(serving, known=replace(known, signed=signed))
    assert "The test on 2013-03 is of its proof, model 1, trained on 2013-03: the refit has learned from these" in text
    assert "A proof is the model that a verdict judged." in text
    assert long in text
    assert "A proof is the model" not in page(serving), "what serves was judged itself"


def test_a_negative_loss_is_called_better(serving: Services) -> None:
    known = shown(SPEC, Reader(serving, "ada", "auditor"))["known"]
    better = [f.model_copy(update={"value": -0.02}) if f.name == "performance_loss" else f for f in known.figures]
    text = page(serving, known=replace(known, figures=better))
    assert "0.020 better than on the test set of its release; 0.03 worse is allowed: limit roc_auc 0.570" in text


def test_who_reads_nothing_is_told_so(serving: Services) -> None:
    text = page(serving, role="viewer")
    for table in ("figures", "approvals", "decisions", "rollout_events"):
        assert f"not shown: the role viewer does not read the table {table}" in text
    assert "0.620" not in text
    assert "<strong>r0001</strong>" in text, "what serves is no secret"


def test_what_cannot_be_believed_or_asked_is_said_and_breaks_nothing(
    serving: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(error: Exception) -> Callable[..., Any]:
        def refused(*_: Any, **__: Any) -> Any:
            raise error

        return refused

    monkeypatch.setattr(serving.approvals, "some", refuse(DeploymentError("entry 3 was altered")))
    monkeypatch.setattr(
        serving.adapters.metrics_server, "all_firing", refuse(ServiceError("Prometheus did not answer"))
    )
    text = page(serving)
    assert "The record of approvals cannot be believed: entry 3 was altered" in text
    assert "Prometheus did not answer" in text
    assert "0.620" in text


def test_alerts_that_fire_are_shown_with_their_time(serving: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    about = {
        "name": "MoebiusNoTraffic",
        "severity": "look",
        "release": "",
        "summary": "s",
        "action": "a",
        "asks": False,
    }
    since = datetime(2026, 11, 29, 6, tzinfo=UTC)
    told = [FiringAlert(**about, usecase=name, since=since) for name in (SPEC.name, "another", "")]
    monkeypatch.setattr(serving.adapters.metrics_server, "all_firing", lambda *_: told)
    text = page(serving)
    assert text.count("MoebiusNoTraffic") == 1
    assert "2026-11-29 06:00 UTC" in text


@pytest.mark.parametrize("every", RHYTHMS)
def test_a_page_without_data_names_its_own_rhythm_and_says_what_to_do(services: Services, every: str) -> None:
    first = Period(RHYTHMS[every][0])
    text = page(services, by(every), published=[first.shift(n) for n in range(3)])
    assert f"{first}..{first.shift(2)} (3 {every}s)" in text
    assert "No window has been monitored yet" in text
    assert "nothing yet" in text
    for other in set(RHYTHMS) - {every}:
        assert f" {other}s)" not in text


@pytest.mark.parametrize(("every", "text"), [
    ("hour", "2013-04-01T05Z..2013-05-08T05Z (889 hours)"), ("day", "2013-04-01..2013-05-08 (38 days)"),
    ("week", "2013-W14..2013-W19 (6 weeks)"), ("month", "2013-04..2013-05 (2 months)"),
])  # fmt: skip
def test_a_loop_without_a_release_says_how_much_data_its_first_training_needs(
    services: Services, every: str, text: str
) -> None:
    assert f" for {text} or more, then" in page(services, by(every))


def test_a_year_of_hours_takes_no_more_room_than_three(services: Services) -> None:
    spec, first = by("hour"), Period("2013-04-01T05Z")
    lengths = [len(page(services, spec, published=[first.shift(n) for n in range(many)])) for many in (3, 8_760)]
    assert lengths[1] < lengths[0] + 20


def measured(services: Services, *figures: Figure) -> str:
    FIGURES.replace(SPEC.name, services.adapters.lake, Period("2013-05"), figures)
    return page(services)


def test_a_metric_of_few_days_says_so_and_what_its_rows_are_worth(services: Services) -> None:
    few = figure(
        "roc_auc", "2013-05", 0.71, low=0.68, high=0.74, n=900, effective_n=120, state="too few",
        note="needs 10 hours, has 4",
    )  # fmt: skip
    text = measured(services, few)
    assert "needs 10 hours, has 4" in text
    assert "(as 120 independent ones)" in text
    plain = few.model_copy(update={"effective_n": 900, "state": "judged", "note": ""})
    assert "independent" not in measured(services, plain)


def test_a_window_without_the_metric_says_why(services: Services) -> None:
    text = measured(services, *[
        figure(
            "not_measured", "2013-05", 7, subject=metric, n=7, state="too few", note="needs 20 labelled rows, has 7"
        )
        for metric in SPEC.metrics.names
    ])  # fmt: skip
    assert text.count("needs 20 labelled rows, has 7") == 1
    assert "2013-05, r0001: roc_auc is not measured:" in text


def test_the_key_of_the_picture_names_the_colour_of_each_release(services: Services) -> None:
    html = measured(services, figure("rows", "2013-05", 9), figure("roc_auc", "2013-05", 0.7))
    key = html.partition('<dl class="keys">')[2].partition("</dl>")[0]
    assert 'stroke="var(--series-1)" stroke-width="1.5"/></svg> r0001</dd>' in key
