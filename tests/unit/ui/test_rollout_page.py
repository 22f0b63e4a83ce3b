"""The rollout page, from records: an operator sees both arms, the limits, every release and who changed what."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from include.contracts.deployment import Judgement, RolloutEvent, RolloutState
from include.contracts.evaluation import Interval
from include.deployment import coming, course
from include.deployment.course import Curves
from include.deployment.rollback_form import Choice
from include.development.card.page import page_with_verdict
from include.records.registry import ROLLOUT_EVENTS
from include.services.approvals import verdict_of
from include.specification.loader import load_usecase
from include.ui import rollout_pictures
from include.ui.access import Reader
from include.ui.pages import models as model_pages
from include.ui.pages import rollout as rollout_page
from tests.unit.fakes.adapters import services_in
from tests.unit.fakes.approvals import approve
from tests.unit.ui import rendering

SPEC = load_usecase("flight_delay")
STATE = RolloutState(
    usecase=SPEC.name,
    generation=3,
    champion="r0001",
    weights={"r0001": 0.8, "r0002": 0.2},
    strategy="canary",
    reason="20% canary of r0002",
)
BREACH = "r0002 fails 3.00% of its requests, 1.00% are allowed"
JUDGEMENT = Judgement(
    enough=True,
    passed=False,
    reason=BREACH,
    requests={"r0001": 800.0, "r0002": 200.0},
    error_rate={"r0001": 0.0, "r0002": 0.03},
    p99_ms={"r0001": 4.2, "r0002": 5.1},
    mean_answer={"r0001": 0.25, "r0002": 0.31},
    breaches=[BREACH],
)
CHOICES = [
    Choice(
        name="r0001", model_version=1, serves=True, test=Interval(value=0.7, low=0.69, high=0.71, n=900),
        served={"2013-04": 0.65}, spans=["since 2013-04-01T06:00"],
    ),
    Choice(name="r0002", model_version=2, serves=False, test=None, served={}, spans=[]),
]  # fmt: skip
EVENT = RolloutEvent(
    usecase=SPEC.name,
    at="2013-08-01T06:00:00.000+00:00",
    rollout="run-1",
    generation=3,
    event="shifted",
    champion="r0001",
    release="r0002",
    share=0.2,
    by="<b>ada</b>",
    reason="20% canary of r0002",
)


NOW = datetime(2026, 1, 31, 12, 2, tzinfo=UTC)
CANARY = [
    EVENT.model_copy(update={"at": NOW - timedelta(seconds=90), "reason": "20% canary of r0002"}),
    EVENT.model_copy(
        update={
            "at": NOW - timedelta(seconds=60),
            "event": "judged",
            "figures": JUDGEMENT.json_dict(),
            "reason": BREACH,
        }
    ),
]
WATCH = {"state": STATE, "watched": 12.0, "stands": "breached", "judgement": JUDGEMENT, "read_out": None}


def render(role: str = "operator", **changes: object) -> str:
    shown = {
        "state": STATE, "watch": {}, "unwatched": "", "releases": [], "returnable": False, "events": [],
        "refresh": None, "approvals": [],
        "entries": 0, "course": None, "coming": None, "approved": None, "asked": False, "traffic": "",
        "figures": [], "served": {},
        **rollout_page.WORDS,
    }  # fmt: skip
    reader = SimpleNamespace(role=role, reads=lambda *_: True)
    return rendering.render("rollout.html", SPEC, **{"reader": reader, **shown, **changes})


def test_a_canary_shows_both_arms_the_limits_what_comes_next_and_refreshes_without_losing_a_form() -> None:
    page = render(watch=WATCH, refresh=5, coming=coming.coming(SPEC, STATE, JUDGEMENT))
    assert 'id="now" data-refresh="5"' in page
    assert "refresh.js" in page
    assert 'http-equiv="refresh"' not in page
    assert "<strong>r0002</strong> answers 20 % of the requests." in page
    assert "breaks a limit" in page
    assert "3.00 %" in page
    assert f"{SPEC.rollout.abort.max_p99_ms:g}" in page
    assert f'<p class="note">{BREACH}</p>' in page
    assert '<li aria-current="step">20 %</li>' in page
    assert "Next:" in page
    assert "<form" not in page.partition('id="now"')[2].partition("</section>")[0]


def test_who_may_abort_has_the_button_and_nobody_else() -> None:
    address = f"/moebius/actions/{SPEC.name}/abort"
    assert address in render("operator")
    assert address not in render("viewer")
    assert address not in render("operator", state=STATE.model_copy(update={"weights": {"r0001": 1.0}}))


def test_what_was_approved_is_offered_for_promotion_while_nothing_is_rolled_out() -> None:
    alone = STATE.model_copy(update={"weights": {"r0001": 1.0}})
    assert f"/moebius/actions/{SPEC.name}/promote?version=7" in render(state=alone, approved=7)
    assert "/promote" not in render(approved=7), "a rollout is under way"


def test_a_question_is_offered_while_one_waits() -> None:
    address = f"/moebius/actions/{SPEC.name}/approve"
    assert address in render("approver", asked=True)
    assert address not in render("approver")


def test_a_first_release_offers_nothing_that_cannot_be_done() -> None:
    page = render(state=STATE.model_copy(update={"weights": {"r0001": 1.0}}))
    assert "/promote" not in page, "nothing approved waits"
    assert "/roll_back" not in page, "there is no other release"
    first = SimpleNamespace(champion="r0001", challenger="r0001", events=[EVENT], judged=[])
    assert "Above:" not in render(course=first)
    assert "Above:" in render(course=SimpleNamespace(champion="r0001", challenger="r0002", events=[EVENT], judged=[]))
    assert f"/moebius/actions/{SPEC.name}/roll_back" in render(returnable=True)


def test_releases_and_events_are_shown_as_text_with_what_may_be_done() -> None:
    page = render(releases=CHOICES, events=[EVENT], served={"r0001": "", "r0002": ""})
    assert "0.7100" in page
    assert "2013-04: 0.6500" in page
    assert "&lt;b&gt;ada&lt;/b&gt;" in page
    assert 'datetime="2013-08-01T06:00:00Z"' in page
    assert f"/moebius/actions/{SPEC.name}/roll_back?release=r0002" in page
    assert f"/moebius/actions/{SPEC.name}/roll_back?release=r0001" not in page, "it serves"
    assert "data-refresh=" not in page


def test_verdicts_approvals_and_rejections_are_shown_oldest_first_as_text(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    approve(services, SPEC, 2)
    with services.approvals.adding(SPEC) as ledger:
        ledger.add("rejected", ledger.history[0], by="otto", reason="<b>fails</b> on JFK", about=2)
    page = render(approvals=services.approvals.history(SPEC))
    told = [page.index(text) for text in (">registered<", ">judged: Release it<", ">approved<", ">rejected<")]
    assert told == sorted(told)
    assert "&lt;b&gt;fails&lt;/b&gt; on JFK" in page
    korean = render(approvals=services.approvals.history(SPEC), language="ko")
    assert '<span lang="en">&lt;b&gt;fails&lt;/b&gt; on JFK</span>' in korean, "what a person wrote"
    assert ">verdict" not in korean


def test_a_release_that_may_not_be_put_back_says_why_and_has_no_button() -> None:
    barred = CHOICES[1].model_copy(update={"barred": "the verdict on it is keep_champion"})
    page = render(releases=[CHOICES[0], barred], served={"r0001": "", "r0002": ""})
    assert "the verdict on it is keep_champion" in page
    assert "roll_back?release=r0002" not in page


def pictures(curves: Curves) -> tuple[rollout_pictures.Pictures, list[Any]]:
    """Pictures of the canary, and the specifications that are drawn."""
    drawn: list[Any] = []
    view = SimpleNamespace(
        text=lambda text: text, small_picture=lambda one, label: drawn.append(one),
        picture=lambda chart, label: drawn.append(chart(340)),
    )  # fmt: skip
    newest = course.newest(CANARY)
    assert newest is not None
    return rollout_pictures.Pictures(SPEC, view, newest, curves, NOW), drawn  # type: ignore[arg-type]


def test_the_traffic_of_both_arms_is_stacked_with_words_for_each_part_and_judgement() -> None:
    made, drawn = pictures({})
    made.traffic()
    (specification,) = drawn
    assert json.loads(json.dumps(specification)) == specification, "it can be drawn"
    rows = specification["data"]["values"]
    assert [(r["arm"], r["low"], round(r["high"], 3)) for r in rows] == [("r0001", 0.0, 0.8), ("r0002", 0.8, 1.0)]
    assert rows[1]["said"].endswith("r0002 20% (share given)")
    judged = specification["layer"][1]["data"]["values"]
    assert [(one["passed"], BREACH in one["said"]) for one in judged] == [(False, True)]


def test_figures_are_held_against_their_limits_also_without_prometheus() -> None:
    made, drawn = pictures({})
    found = {figure.title: figure for figure in made.figures()}
    assert {title: figure.level for title, figure in found.items()} == {
        "Failed requests": "bad", "Latency, p99": "good", "Mean answer": "good",
    }  # fmt: skip
    assert "1.00%" in found["Failed requests"].limit
    assert json.loads(json.dumps(drawn)) == drawn
    curves: Curves = {"error_rate": {"r0002": [(NOW - timedelta(seconds=10), 0.001)]}}
    assert pictures(curves)[0].figures()[0].level == "good", "the newest sample says how it stands now"


def test_the_page_reads_records_and_says_that_prometheus_is_silent(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    ROLLOUT_EVENTS.append(SPEC.name, services.adapters.lake, CANARY)
    shown = rollout_page.shown(SPEC, Reader(services, "ada", "auditor"), NOW)
    assert [one.event for one in shown["course"].events] == ["shifted", "judged"]
    services.adapters.metrics_server.away = True  # type: ignore[attr-defined]
    assert "did not answer" in rollout_page.shown(SPEC, Reader(services, "ada", "auditor"), NOW)["unwatched"]
    nothing = rollout_page.shown(SPEC, Reader(services, "ada", "viewer"), NOW)
    assert (nothing["course"], nothing["events"], nothing["releases"], nothing["approvals"]) == (None, [], [], [])


def test_the_model_page_shows_the_record_whatever_stands_in_mlflow(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    reader = Reader(services, "ada", "auditor")
    approve(services, SPEC, 2)
    card = page_with_verdict("<main></main>", verdict_of(services.approvals.history(SPEC)[1]))
    forged = card.replace("nothing is recorded", "approved by mallory")
    services.adapters.experiment_reader = SimpleNamespace(document=lambda *_: forged)  # type: ignore[misc, assignment]
    page = model_pages.shown(SPEC, reader, 2)
    assert "mallory" in forged
    assert "mallory" not in page
    assert "<td>approved</td>\n<td>ada</td>\n<td>it is better</td>" in page
    assert model_pages.shown(SPEC, reader, 3) == forged, "a version without an entry is shown as it is"


def test_a_silent_prometheus_and_a_use_case_without_release_are_said() -> None:
    assert "cannot be read now: Prometheus is away" in render(unwatched="Prometheus is away")
    assert "No release serves yet" in render(state=None)
