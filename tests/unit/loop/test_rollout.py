"""Traffic moves with the rollout state alone: every task may be killed and repeated, and a breach takes all back."""

from pathlib import Path
from typing import Any

import pytest

from include.contracts.deployment import Judgement, RolloutState
from include.deployment import rollout as states
from include.errors import ConflictError, NotFoundError, RolloutAbortedError, ServiceError
from include.loop import rollout
from include.services.composition import Services
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.loop.loop_worlds import SPEC

OLD, NEW, RUN, BY = "r0001", "r0002", "run", "ada"


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Two releases, the first of which serves; nobody waits."""
    made = services_in(tmp_path)
    rollout.promote_release(SPEC, made, packaged(made, SPEC, 1))
    packaged(made, SPEC, 2)
    monkeypatch.setattr(rollout, "LOOK_SECONDS", 0.0)
    return made


def state(services: Services) -> RolloutState:
    return services.serving.require_rollout_state(SPEC)


def events(services: Services) -> list[tuple[str, str]]:
    return [(event.event, event.release) for event in services.records.rollout_events(SPEC)]


def judged(monkeypatch: pytest.MonkeyPatch, *verdicts: dict[str, Any]) -> None:
    """What Prometheus says, look by look."""
    looks = iter(verdicts)
    arms: dict[str, Any] = {name: {} for name in ("requests", "error_rate", "p99_ms", "mean_answer")}

    def judge(*_: Any) -> Judgement:
        return Judgement(**{"enough": False, "passed": False, "reason": "wait", **arms, **next(looks)})

    monkeypatch.setattr(rollout.judgement, "judge", judge)


def test_the_first_release_is_promoted_at_once_and_a_later_one_by_its_strategy(
    tmp_path: Path, services: Services
) -> None:
    assert rollout.opening(SPEC, services_in(tmp_path / "empty")) == "promotion"
    assert rollout.opening(SPEC, services) == "shift"
    shadow = SPEC.model_copy(update={"rollout": SPEC.rollout.model_copy(update={"strategy": "shadow"})})
    assert rollout.opening(shadow, services) == "shadow"


def test_without_a_serving_release_nothing_is_shifted(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    name = packaged(services, SPEC, 1)
    with pytest.raises(NotFoundError, match="deploy a release first"):
        rollout.shift_traffic(SPEC, services, name, 0.1)


def test_a_share_is_given_and_recorded_once_also_when_the_task_repeats(services: Services) -> None:
    first = rollout.shift_traffic(SPEC, services, NEW, 0.1, RUN, BY)
    assert state(services).weights == {OLD: pytest.approx(0.9), NEW: 0.1}
    assert state(services).generation == first
    rollout.shift_traffic(SPEC, services, NEW, 0.1, RUN, BY)
    assert state(services).weights[NEW] == 0.1
    assert {event for event, _ in events(services)} == {"promoted", "shifted"}


def test_a_release_that_the_server_cannot_load_gets_nothing(services: Services) -> None:
    services.adapters.server.stuck = 1  # type: ignore[attr-defined]
    with pytest.raises(ServiceError):
        rollout.shift_traffic(SPEC, services, NEW, 0.1, RUN, BY)
    assert (state(services).weights, state(services).outcome) == ({OLD: 1.0}, "interrupted")
    assert events(services)[-1] == ("interrupted", NEW)


def test_the_same_rollout_goes_on_after_it_was_interrupted(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    rollout.shift_traffic(SPEC, services, NEW, 0.1, RUN, BY)
    rollout.end_rollout(SPEC, services, "a task died", BY, "interrupted", rollout_id=RUN)
    judged(monkeypatch, {"enough": True, "passed": True, "reason": "no breach"})
    monkeypatch.setattr(rollout.judgement, "standing", lambda *_: "go")
    assert rollout.judge_rollout(SPEC, services, NEW, 0.1, RUN, BY).passed
    assert state(services).weights[NEW] == 0.1, "the share was given again"
    assert events(services)[-1] == ("judged", NEW)


def test_a_breach_takes_all_traffic_back_before_the_task_fails(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout.shift_traffic(SPEC, services, NEW, 0.1, RUN, BY)
    judged(monkeypatch, {}, {"enough": True, "breaches": ["errors"], "reason": "10 % errors"})
    with pytest.raises(RolloutAbortedError, match="10 % errors"):
        rollout.judge_rollout(SPEC, services, NEW, 0.1, RUN, BY)
    assert (state(services).weights, state(services).outcome) == ({OLD: 1.0}, "aborted")
    assert events(services)[-1] == ("aborted", NEW)


def test_a_judge_notices_that_somebody_ended_the_rollout(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    rollout.shift_traffic(SPEC, services, NEW, 0.1, RUN, BY)
    rollout.end_rollout(SPEC, services, "an operator said so", "olga")
    judged(monkeypatch)
    with pytest.raises(RolloutAbortedError):
        rollout.judge_rollout(SPEC, services, NEW, 0.1, RUN, BY)


def test_only_its_own_rollout_is_ended(services: Services) -> None:
    rollout.shift_traffic(SPEC, services, NEW, 0.1, RUN, BY)
    assert "nothing to take back" in rollout.end_rollout(SPEC, services, "late", rollout_id="another run")
    assert state(services).challenger == NEW
    assert OLD in rollout.keep_champion(SPEC, services, "no better", RUN, BY)
    assert (state(services).outcome, events(services)[-1]) == ("kept", ("kept", NEW))
    assert "nothing to take back" in rollout.keep_champion(SPEC, services, "no better", RUN, BY)


def test_a_watcher_that_writes_at_the_same_moment_does_not_stop_the_end(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout.shift_traffic(SPEC, services, NEW, 0.1, RUN, BY)
    write, refusals = states.write, iter([ConflictError("renewed"), ConflictError("renewed")])

    def contested(*given: Any) -> None:
        if error := next(refusals, None):
            raise error
        write(*given)

    monkeypatch.setattr(states, "write", contested)
    assert OLD in rollout.end_rollout(SPEC, services, "stop", BY)


def test_a_rollout_that_others_change_without_end_is_left_to_a_retry(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout.shift_traffic(SPEC, services, NEW, 0.1, RUN, BY)

    def contested(*_: Any) -> None:
        raise ConflictError("renewed")

    monkeypatch.setattr(states, "write", contested)
    with pytest.raises(ConflictError, match="try again"):
        rollout.end_rollout(SPEC, services, "stop", BY)


def test_a_promotion_that_was_killed_after_the_switch_is_finished(services: Services) -> None:
    rollout.shift_traffic(SPEC, services, NEW, 0.1, RUN, BY)
    rollout.promote(SPEC, services, NEW, RUN, BY)
    services.adapters.tracker.aliases.clear()  # type: ignore[attr-defined]
    before = state(services).generation
    rollout.promote(SPEC, services, NEW, RUN, BY)
    assert (state(services).champion, state(services).generation) == (NEW, before)
    assert services.adapters.tracker.alias(SPEC.name, "champion") == 2
    assert services.adapters.tracker.tags(SPEC.name, 2)["released_as"] == NEW
    assert events(services).count(("promoted", NEW)) == 1


def test_nothing_is_watched_while_no_rollout_is_under_way(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rollout.watch(SPEC, services) == {}
    rollout.shift_traffic(SPEC, services, NEW, 0.1, RUN, BY)
    judged(monkeypatch, {"reason": "3 requests"})
    assert rollout.watch(SPEC, services)["judgement"].reason == "3 requests"
