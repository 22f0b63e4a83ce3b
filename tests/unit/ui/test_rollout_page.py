"""The rollout page, from records: an operator sees both arms, the limits, every release and who changed what."""

from pathlib import Path
from types import SimpleNamespace

from include.contracts.deployment import Judgement, RolloutEvent, RolloutState
from include.contracts.evaluation import Interval
from include.deployment.rollback_form import Choice
from include.development.card.page import page_with_verdict
from include.services.approvals import verdict_of
from include.specification.loader import load_usecase
from include.ui.access import Reader
from include.ui.pages import models as model_pages
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


def render(**changes: object) -> str:
    shown = {
        "state": STATE,
        "watch": {},
        "unwatched": "",
        "releases": [],
        "events": [],
        "refresh": None,
    }
    return rendering.render("rollout.html", SPEC, **{"approvals": [], **shown, **changes})


def test_both_arms_and_the_limits_are_shown_while_a_canary_is_watched() -> None:
    watch = {"state": STATE, "watched": 12.0, "stands": "breached", "judgement": JUDGEMENT, "read_out": None}
    page = render(watch=watch, refresh=5)
    assert '<meta http-equiv="refresh" content="5">' in page
    assert "<strong>r0002</strong> answers 20 % (canary)" in page
    assert "3.00 %" in page
    assert f"{SPEC.rollout.abort.max_p99_ms:g}" in page
    assert f'<li class="bad">{BREACH}</li>' in page
    assert f"/dags/{SPEC.name}.rollback" in page


def test_releases_and_events_are_shown_as_text() -> None:
    page = render(releases=CHOICES, events=[EVENT])
    assert "0.7000 [0.6900, 0.7100]" in page
    assert "2013-04: 0.6500" in page
    assert "&lt;b&gt;ada&lt;/b&gt;" in page
    assert "2013-08-01 06:00:00" in page
    assert 'http-equiv="refresh"' not in page


def test_verdicts_approvals_and_rejections_are_shown_oldest_first_as_text(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    approve(services, SPEC, 2)
    with services.approvals.adding(SPEC) as ledger:
        ledger.add("rejected", ledger.history[0], by="otto", reason="<b>fails</b> on JFK", about=2)
    page = render(approvals=services.approvals.history(SPEC))
    told = [page.index(text) for text in (">registered<", ">verdict: promote<", ">approved<", ">rejected<")]
    assert told == sorted(told)
    assert "&lt;b&gt;fails&lt;/b&gt; on JFK" in page
    assert "version 2" in page


def test_a_release_that_may_not_be_put_back_is_marked_with_the_reason() -> None:
    barred = CHOICES[1].model_copy(update={"barred": "the verdict on it is keep_champion"})
    page = render(releases=[CHOICES[0], barred])
    assert '<span class="bad">no:</span> the verdict on it is keep_champion' in page


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
    assert "cannot be compared: Prometheus is away" in render(unwatched="Prometheus is away")
    assert "No release serves yet" in render(state=None)
