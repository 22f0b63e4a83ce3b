"""Every function of a rollout against a model server that is away, hangs, refuses, and comes back in between.

Either every server says that it follows the step, or the champion of before has all traffic; orders to go back stand.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.contracts import steady
from include.contracts.deployment import RolloutState
from include.deployment import rollout as states
from include.errors import ConflictError, DeploymentError, MoebiusError, NotFoundError, ServiceError
from include.loop import rollback, rollback_drill, rollout
from include.services.composition import Services
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.fakes.serving import FollowingServer
from tests.unit.loop.loop_worlds import SPEC

OLD, NEW, RUN = "r0001", "r0002", "run"
Step = Callable[[Services], Any]


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    made = services_in(tmp_path, serving_timeout=0.01)
    rollout.promote_release(SPEC, made, packaged(made, SPEC, 1))
    packaged(made, SPEC, 2)
    monkeypatch.setattr(rollout, "LOOK_SECONDS", 0.0)
    return made


def server(services: Services) -> FollowingServer:
    return services.adapters.server  # type: ignore[attr-defined,no-any-return]


def state(services: Services) -> RolloutState:
    return services.serving.require_rollout_state(SPEC)


def shift(services: Services) -> Any:
    return rollout.shift_traffic(SPEC, services, NEW, 0.1, RUN)


def to_new(services: Services) -> None:
    """All of the traffic was given, and judged."""
    shift(services)
    rollout.shift_traffic(SPEC, services, NEW, 1.0, RUN, opens=False)


FORWARD: dict[str, tuple[Step, Step]] = {
    "shift": (lambda s: None, shift),
    "next shift": (shift, lambda s: rollout.shift_traffic(SPEC, s, NEW, 0.5, RUN, opens=False)),
    "mirror": (lambda s: None, lambda s: rollout.mirror_traffic(SPEC, s, NEW, RUN)),
    "promote": (to_new, lambda s: rollout.promote(SPEC, s, NEW, RUN)),
}
"""Steps towards a new release: what comes before, and the step."""


@pytest.mark.parametrize("step", FORWARD)
def test_while_no_server_is_there_nothing_is_changed(services: Services, step: str) -> None:
    before, act = FORWARD[step]
    before(services)
    was, server(services).away = state(services), True
    with pytest.raises(ServiceError, match="no model server answers, so no traffic was moved"):
        act(services)
    assert state(services) == was
    server(services).away = False
    act(services)
    assert state(services).generation == was.generation + 1


def refuses(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(model: str) -> None:
        raise DeploymentError("Triton did not load it")

    server(services).models.clear()
    monkeypatch.setattr(server(services), "load", load)


def raises(error: BaseException) -> Callable[[Services, pytest.MonkeyPatch], None]:
    def follow(*_: Any) -> None:
        raise error

    return lambda services, monkeypatch: monkeypatch.setattr(services.serving, "follow", follow)


def stays(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    told = iter([True])  # it answers once, and hangs from then on
    monkeypatch.setattr(server(services), "ready", lambda: next(told, False))
    server(services).stuck = 0


FAULTS: dict[str, tuple[Callable[[Services, pytest.MonkeyPatch], None], type[BaseException]]] = {
    "refuses": (refuses, DeploymentError),
    "stays behind": (stays, ServiceError),
    "the disk is full": (raises(OSError(28, "No space left on device")), OSError),
    "the task is interrupted": (raises(KeyboardInterrupt()), KeyboardInterrupt),
    "a bug": (raises(TypeError("none")), TypeError),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", FORWARD)
def test_a_step_that_no_server_proves_is_taken_back_whatever_went_wrong(
    services: Services, monkeypatch: pytest.MonkeyPatch, step: str, fault: str
) -> None:
    before, act = FORWARD[step]
    before(services)
    was = state(services)
    make, kind = FAULTS[fault]
    with monkeypatch.context() as broken:
        make(services, broken)
        with pytest.raises(kind):
            act(services)
    now = state(services)
    assert (now.champion, now.weights, now.challenger, now.lease) == (OLD, {OLD: 1.0}, None, None)
    assert (now.outcome, now.rollout, now.generation) == ("interrupted", RUN, was.generation + 2)
    assert services.records.rollout_events(SPEC)[-1].event == "interrupted"
    server(services).stuck = None
    act(services)  # the repeated task goes on
    assert state(services).outcome == ("promoted" if step == "promote" else "running")


def test_a_step_that_is_taken_back_says_whether_the_servers_confirmed_it(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    server(services).stuck = 1
    with pytest.raises(
        ServiceError, match=r"written back to r0001, and no server confirms it yet .* as soon as it ans"
    ):
        shift(services)
    server(services).stuck = None
    refuses(services, pytest.MonkeyPatch())
    with pytest.raises(DeploymentError):
        shift(services)
    assert "all traffic is back on r0001, and every server says so" in capsys.readouterr().out


def test_a_step_counts_when_every_server_that_runs_follows_it(services: Services) -> None:
    other = FollowingServer(services.adapters.state, SPEC.name)
    services.adapters.replicas.append(other)  # type: ignore[attr-defined]
    shift(services)
    assert other.models == {SPEC.name}, "the stable name is loaded there, too"
    other.stuck = 1
    with pytest.raises(ServiceError):
        shift(services)
    assert state(services).weights == {OLD: 1.0}
    other.away = True  # it answers nobody, and reads the state when it starts
    shift(services)
    assert state(services).challenger == NEW
    other.away, other.hangs = False, True  # it may answer clients still
    with pytest.raises(ServiceError):
        shift(services)


BACK: dict[str, tuple[Step, Step, str]] = {
    "abort": (shift, lambda s: rollback.abort(SPEC, s, "odd", "ada"), OLD),
    "keep": (shift, lambda s: rollout.keep_champion(SPEC, s, "no better", RUN), OLD),
    "end": (shift, lambda s: rollout.end_rollout(SPEC, s, "a task failed", "", "interrupted", rollout_id=RUN), OLD),
    "restore": (
        lambda s: rollout.promote_release(SPEC, s, NEW),
        lambda s: rollback.restore(SPEC, s, OLD, "odd", "ada"),
        OLD,
    ),
}
"""Orders to go back: what comes before, the order, and who serves after it."""


@pytest.mark.parametrize("order", BACK)
def test_an_order_to_go_back_stands_while_no_server_is_there_and_is_proved_by_its_repetition(
    services: Services, order: str
) -> None:
    before, act, champion = BACK[order]
    before(services)
    server(services).away = True
    with pytest.raises(ServiceError, match="no model server answers"):
        act(services)
    written = state(services)
    assert (written.champion, written.weights) == (champion, {champion: 1.0})
    with pytest.raises(ServiceError):
        act(services)
    assert state(services) == written, "a repetition orders nothing else"
    server(services).away = False
    act(services)
    assert state(services) == written
    told = [one.event for one in services.records.rollout_events(SPEC) if one.generation == written.generation]
    assert len(told) == 1


def test_a_roll_back_that_a_server_refuses_leaves_who_served(services: Services) -> None:
    rollout.promote_release(SPEC, services, NEW)
    server(services).stuck = state(services).generation
    with pytest.raises(ServiceError):
        rollback.restore(SPEC, services, OLD, "odd", "ada")
    assert (state(services).champion, state(services).weights) == (NEW, {NEW: 1.0})


def test_an_abort_that_was_given_by_somebody_else_is_not_taken_for_ones_own(services: Services) -> None:
    shift(services)
    rollback.abort(SPEC, services, "odd", "ada")
    with pytest.raises(NotFoundError, match="no rollout is in progress"):
        rollback.abort(SPEC, services, "odd", "olga")


def test_somebody_who_was_faster_is_not_overwritten_when_a_step_is_taken_back(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def follow(spec: Any, wanted: RolloutState) -> None:
        states.write(services.adapters.state, states.abort(wanted, "aborted by ada: odd"))
        raise ServiceError("it hangs")

    monkeypatch.setattr(services.serving, "follow", follow)
    with pytest.raises(ConflictError):
        shift(services)
    assert state(services).reason == "aborted by ada: odd"


def test_a_promotion_that_died_before_its_record_is_recorded_by_who_ends_the_rollout(services: Services) -> None:
    to_new(services)
    states.write(services.adapters.state, states.promote(state(services), NEW, rollout=RUN))  # killed here
    assert "was promoted before" in rollout.end_rollout(
        SPEC, services, "a task failed", "", "interrupted", rollout_id=RUN
    )
    assert services.records.rollout_events(SPEC)[-1].event == "promoted"
    assert rollback.restore(SPEC, services, OLD, "odd", "ada") == OLD


def test_the_evaluation_waits_for_a_server_and_then_calls_it_an_alarm(services: Services) -> None:
    server(services).away = True
    with pytest.raises(MoebiusError, match="follows rollout generation None"):
        services.serving.champion_model(SPEC)


def test_a_drill_against_a_server_that_is_away_changes_nothing(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout.promote_release(SPEC, services, NEW)
    monkeypatch.setattr(rollback_drill, "verify_release", lambda *_, **__: None)
    was, server(services).away = state(services), True
    with pytest.raises(ServiceError):
        rollback_drill.drill_rollback(SPEC, services)
    assert state(services) == was


# -- nobody watches
def test_a_lease_that_is_over_is_written_as_what_routers_do(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rollout.end_lapsed(SPEC, services) == ""
    shift(services)
    assert rollout.end_lapsed(SPEC, services) == ""
    after(monkeypatch, 3600)
    assert "all traffic is back on r0001, not on r0002: nobody watched it" in rollout.end_lapsed(SPEC, services)
    assert (state(services).weights, state(services).outcome) == ({OLD: 1.0}, "interrupted")
    last = services.records.rollout_events(SPEC)[-1]
    assert (last.event, last.release, last.by) == ("interrupted", NEW, "the keeper")
    shift(services)
    assert state(services).challenger == NEW, "its tasks go on"


def after(monkeypatch: pytest.MonkeyPatch, seconds: float, step: float = 0.0) -> None:
    now = steady.now()
    moved = now.model_copy(update={"uptime": now.uptime + seconds, "at": now.at + seconds + step})
    monkeypatch.setattr(steady, "now", lambda: moved)


@pytest.mark.parametrize("step", [86400.0, -86400.0])
def test_a_step_of_the_wall_clock_leaves_a_rollout_to_its_watcher(
    services: Services, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    shift(services)
    after(monkeypatch, 1, step)
    assert rollout.end_lapsed(SPEC, services) == ""
    assert not state(services).lapsed
    assert state(services).watched < 3600
    with pytest.raises(DeploymentError, match="a rollout of r0002 is in progress"):
        states.shift(state(services), "r0003", 0.1, 60, rollout="another")


def test_a_judge_that_stood_still_for_longer_than_its_lease_judges_nothing(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    shift(services)
    judge = rollout.judgement.judge

    def sleeps(*given: Any) -> Any:
        after(monkeypatch, 3600)
        rollout.end_lapsed(SPEC, services)
        return judge(*given)

    monkeypatch.setattr(rollout.judgement, "judge", sleeps)
    with pytest.raises(ConflictError, match=r"has no traffic any more .*; clear this task to give the share again"):
        rollout.judge_rollout(SPEC, services, NEW, 0.1, RUN)


def test_a_judge_that_sees_nothing_waits_a_minute_and_gives_the_traffic_back(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    shift(services)
    looks: list[float] = []

    def away(*_: Any) -> Any:
        looks.append(1)
        if len(looks) == 3:
            monkeypatch.setattr(rollout, "BLIND_SECONDS", -1.0)
        raise ServiceError("Prometheus did not answer")

    monkeypatch.setattr(rollout.judgement, "judge", away)
    with pytest.raises(ServiceError, match="Prometheus did not answer"):
        rollout.judge_rollout(SPEC, services, NEW, 0.1, RUN)
    assert len(looks) == 3
    assert (state(services).weights, state(services).outcome) == ({OLD: 1.0}, "interrupted")
    monkeypatch.setattr(services.adapters.metrics_server, "query", away)
    with pytest.raises(ServiceError):
        rollout.judge_rollout(SPEC, services, NEW, 0.1, RUN)
    assert state(services).weights == {OLD: 1.0}, "what nobody can watch is not given again"
