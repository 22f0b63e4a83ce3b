"""The rollout page, from records: an operator sees both arms, the limits, every release and who changed what."""

from include.contracts.deployment import Judgement, RolloutEvent, RolloutState
from include.contracts.evaluation import Interval
from include.deployment.rollback_form import Choice
from include.specification.loader import load_usecase
from include.ui.page import TEMPLATES

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
        months={"2013-04": 0.65}, spans=["since 2013-04-01T06:00"],
    ),
    Choice(name="r0002", model_version=2, serves=False, test=None, months={}, spans=[]),
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
    shown = {"spec": SPEC, "state": STATE, "watch": {}, "unwatched": "", "releases": [], "events": [], "refresh": None}
    return TEMPLATES.get_template("rollout.html").render(shown | changes)


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


def test_a_silent_prometheus_and_a_use_case_without_release_are_said() -> None:
    assert "cannot be compared: Prometheus is away" in render(unwatched="Prometheus is away")
    assert "No release serves yet" in render(state=None)
