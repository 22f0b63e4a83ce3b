"""Rollouts by the deployment's own steps on the real server, Prometheus, MLflow and lake: watched, killed, ended."""

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from include.deployment import rollout
from include.errors import DeploymentError, NotFoundError, RolloutAbortedError, ServiceError
from include.loop import rollback, rollback_drill
from include.loop import rollout as steps
from include.services.composition import Services
from include.settings import ROOT, SECRETS, Settings
from include.specification.usecase import UseCase
from tests.integration.pipeline_fixtures import (
    Load,
    Serving,
    dataset_ref,
    prometheus,
    request_rows,
    requests_frame,
    serving,
    wait_until,
)
from tests.unit.fakes.approvals import approve

pytestmark = pytest.mark.integration
__all__ = ["prometheus", "serving"]
FIRST, SECOND = "r0001", "r0002"


def spec_of(serving: Serving, **rollout: object) -> UseCase:
    """The use case with a rollout that needs seconds only; its two models learn opposite rules."""
    abort = serving.spec.rollout.abort.model_copy(update={"max_prediction_shift": 1.0})
    quick = {"bake_seconds": 2, "max_wait_seconds": 600, "min_requests": 30, "abort": abort, **rollout}
    return serving.spec.model_copy(update={"rollout": serving.spec.rollout.model_copy(update=quick)})


@pytest.fixture(scope="module")
def services(serving: Serving, prometheus: str, mlflow: Settings) -> Services:
    ports = {"mlflow_port": mlflow.mlflow_port, "prometheus_port": int(prometheus.rsplit(":", 1)[1])}
    found = Services(serving.settings.model_copy(update=ports))
    for version in (1, 2):
        found.adapters.tracker.log_training(serving.spec.name, dataset_ref(), f"model {version}".encode(), {}, {}, {})
        approve(found, serving.spec, version, "hash of the model")
    return found


@pytest.fixture(autouse=True)
def _from_the_first(serving: Serving) -> None:
    serving.serve(FIRST)


def test_a_canary_is_watched_to_the_end_and_no_request_fails(serving: Serving, services: Services) -> None:
    spec, run = spec_of(serving), "canary-run"
    with Load(serving, clients=3) as load:
        for at, share in enumerate([0.3, 1.0]):
            steps.shift_traffic(spec, services, SECOND, share, run, "ada", opens=at == 0)
            seen = steps.watch(spec, services)
            assert (seen["state"].challenger, seen["state"].champion) == (SECOND, FIRST)
            found = steps.judge_rollout(spec, services, SECOND, share, run, "ada")
            assert found.passed
            assert found.queries.keys() == {one.name for one in spec.rollout.abort.queries} != set()
        steps.promote(spec, services, SECOND, run, "ada")
        rollback.restore_release(spec, services, FIRST, "the test is over", "ada")
        wait_until(lambda: len(load.answers) > 300, 60, "traffic")
    assert len(load.answers) > 300
    assert load.failures == []
    assert load.wrong() == 0
    told = [one for one in services.records.rollout_events(spec) if one.rollout == run]
    assert [one.event for one in told] == ["shifted", "judged", "shifted", "judged", "promoted", "rolled_back"]
    assert [one.share for one in told] == [0.3, 0.3, 1, 1, 1, 1]
    assert {one.by for one in told} == {"ada"}
    assert told[1].figures["requests"][SECOND] >= 30
    assert (told[-1].release, services.serving.champion(spec).name) == (FIRST, FIRST)
    shown = {one.name: one for one in rollback.choices(spec, services)}
    assert shown[SECOND].spans == [f"{told[4].at:%Y-%m-%dT%H:%M} to {told[5].at:%Y-%m-%dT%H:%M}"]


def test_an_operator_ends_a_rollout_and_its_watcher_notices_at_once(serving: Serving, services: Services) -> None:
    spec, run = spec_of(serving, min_requests=10**6), "aborted-run"

    def watch() -> None:
        with pytest.raises(RolloutAbortedError, match="aborted by ada: it looks odd"):
            steps.judge_rollout(spec, services, SECOND, 0.5, run)

    steps.shift_traffic(spec, services, SECOND, 0.5, run)
    watcher = threading.Thread(target=watch)
    watcher.start()
    with Load(serving, clients=2) as load:
        wait_until(lambda: any(a["release"] == SECOND for _, a in load.answers), what="canary traffic")
        rollback.abort(spec, services, "it looks odd", "ada")
        aborted = time.perf_counter()
        wait_until(lambda: len(load.asked_since(aborted)) > 50, what="traffic afterwards")
        late = [a for a in load.asked_since(aborted) if a["release"] == SECOND]
    wait_until(lambda: not watcher.is_alive(), 60, "the watcher, which does not wait for its requests")
    assert late == []
    assert load.failures == []
    for again in (steps.shift_traffic, steps.judge_rollout):
        with pytest.raises(RolloutAbortedError, match="start a new deployment"):
            again(spec, services, SECOND, 0.5, run)
    with pytest.raises(NotFoundError, match="no rollout is in progress"):
        rollback.abort(spec, services, "again", "ada")


KILLED = """
import sys
from include.loop import rollout
from include.services.composition import Services
from include.settings import Settings
from include.specification.usecase import UseCase
spec, settings = (kind.model_validate_json(text) for kind, text in zip((UseCase, Settings), sys.argv[1:3]))
services = Services(settings)
rollout.shift_traffic(spec, services, "r0002", 0.5, "killed-run")
print("shifted", flush=True)
rollout.judge_rollout(spec, services, "r0002", 0.5, "killed-run")
"""


def test_a_killed_watcher_is_replaced_and_the_rollout_goes_on(serving: Serving, services: Services) -> None:
    spec, run = spec_of(serving), "killed-run"
    patient = spec_of(serving, min_requests=10**6)
    argv = [sys.executable, "-W", "ignore", "-c", KILLED]
    plain = services.settings.model_dump_json(exclude=set(SECRETS))  # they are masked; the process finds its own
    given = [patient.model_dump_json(by_alias=True), plain]
    with subprocess.Popen([*argv, *given], cwd=ROOT, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout.readline().strip() == "shifted"
        killed.send_signal(signal.SIGKILL)
    with Load(serving, clients=3) as load:
        assert steps.judge_rollout(spec, services, SECOND, 0.5, run).passed  # the repeated task
        steps.end_rollout(spec, services, "a deployment task failed", outcome="interrupted", rollout_id=run)
        assert services.serving.rollout_state(spec).weights == {FIRST: 1.0}
        assert steps.judge_rollout(spec, services, SECOND, 0.5, run).passed  # cleared by an operator
    assert load.failures == []
    assert services.serving.rollout_state(spec).weights == {FIRST: 0.5, SECOND: 0.5}
    steps.promote(spec, services, SECOND, run)
    steps.promote(spec, services, SECOND, run)  # killed before its end, and repeated
    assert services.adapters.tracker.alias(spec.name, "champion") == 2
    assert [one.event for one in services.records.rollout_events(spec) if one.rollout == run].count("promoted") == 1


def test_a_breach_gives_everything_back_with_its_figures(serving: Serving, services: Services) -> None:
    query = {
        "name": "any answer",
        "query": 'sum(increase(moebius_requests_total{release="$challenger"}[$window]))',
        "above": 5,
    }
    abort = serving.spec.rollout.abort.model_dump() | {
        "max_prediction_shift": 1,
        "queries": [query],
    }
    content = serving.spec.model_dump(by_alias=True)
    content["rollout"] |= {"abort": abort, "min_requests": 10, "bake_seconds": 0}  # enough to judge is a breach
    spec = UseCase.model_validate(content)
    steps.shift_traffic(spec, services, SECOND, 0.5, "breached-run")
    with Load(serving, clients=2), pytest.raises(RolloutAbortedError, match=r"any answer is .* at most 5 is allowed"):
        steps.judge_rollout(spec, services, SECOND, 0.5, "breached-run")
    assert services.serving.rollout_state(spec).weights == {FIRST: 1.0}
    last = services.records.rollout_events(spec)[-1]
    assert (last.event, last.release) == ("aborted", SECOND)
    assert last.figures["queries"]["any answer"] > 5


def test_an_ab_test_keeps_each_client_in_one_arm_and_every_look_renews_its_lease(
    serving: Serving, services: Services
) -> None:
    spec, run = spec_of(serving, strategy="ab_test", sticky_by="tailnum", min_requests=10**6), "ab-run"
    steps.shift_traffic(spec, services, SECOND, 0.5, run)
    before = services.serving.rollout_state(spec)
    with Load(serving, clients=2) as load:
        wait_until(lambda: len(load.answers) > 200, 60, "traffic")
        assert steps.look_at_ab_test(spec, services, SECOND, run) is None
    arms = {(load.frame["tailnum"].iloc[i], answer["release"]) for i, answer in load.answers}
    assert len(arms) == len({plane for plane, _ in arms}), "a plane meets one release"
    assert {release for _, release in arms} == {FIRST, SECOND}
    after = services.serving.rollout_state(spec)
    assert (after.weights, after.begun, after.generation) == (before.weights, before.begun, before.generation + 1)
    assert after.lease.given.uptime > before.lease.given.uptime
    assert "labelled rows are missing" in steps.watch(spec, services)["read_out"].reason
    rollback.abort(spec, services, "enough seen", "ada")
    with pytest.raises(RolloutAbortedError, match="enough seen"):
        steps.look_at_ab_test(spec, services, SECOND, run)


@pytest.mark.parametrize(("most", "passes"), [(1.0, True), (0.01, False)])
def test_a_shadow_is_judged_by_its_copies_and_answers_nobody(
    serving: Serving, services: Services, most: float, passes: bool
) -> None:
    limits = serving.spec.rollout.shadow.model_copy(update={"max_changed": most, "max_difference": 1.0})
    spec, run = spec_of(serving, strategy="shadow", shadow=limits), f"shadow-run-{most}"
    with Load(serving, clients=2) as load:
        steps.mirror_traffic(spec, services, SECOND, run)
        if passes:
            found = steps.judge_rollout(spec, services, SECOND, rollout_id=run)
            assert found.shadow["changed"] > 0.01, "the two models learned opposite rules"
            assert found.shadow["difference"] > 0
            assert "all traffic is back on r0001" in steps.keep_champion(spec, services, found.reason, run)
        else:
            with pytest.raises(RolloutAbortedError, match=r"of the predictions of r0002 differ, 1\.00% may"):
                steps.judge_rollout(spec, services, SECOND, rollout_id=run)
    state = services.serving.rollout_state(spec)
    assert (state.shadow, state.outcome) == (None, "kept" if passes else "aborted")
    assert {a["release"] for _, a in load.answers} == {FIRST}
    assert load.failures == []


def test_a_release_that_does_not_load_gets_nothing_and_the_state_is_put_back(
    serving: Serving, services: Services
) -> None:
    bad = serving.release(2)
    serving.models.pop(bad.name)
    (Path(bad.path) / "model.onnx").write_bytes(b"no model")
    serving.seal_again(bad)
    spec = spec_of(serving)
    with pytest.raises(ServiceError, match="follows rollout generation"):
        steps.shift_traffic(spec, patient(services, 5), bad.name, 0.5, "bad-run")
    state = services.serving.rollout_state(spec)
    assert (state.weights, state.outcome) == ({FIRST: 1.0}, "interrupted")
    last = services.records.rollout_events(spec)[-1]
    assert (last.event, last.release) == ("interrupted", bad.name)
    wait_until(lambda: serving.generation() == state.generation, what="the server is in step again")
    rows = request_rows(requests_frame(3))
    assert {a["release"] for a in serving.server.infer(spec.name, rows)} == {FIRST}


def test_a_watcher_that_dies_with_all_of_the_traffic_gives_it_back(serving: Serving, services: Services) -> None:
    spec = spec_of(serving)
    steps.shift_traffic(spec, services, SECOND, 1.0, "dead-run")
    rows = request_rows(requests_frame(3))
    assert {a["release"] for a in serving.server.infer(spec.name, rows)} == {SECOND}
    state = services.serving.rollout_state(spec)
    begun = time.monotonic()
    serving.switch(rollout.renew(state, -1))
    assert time.monotonic() - begun < 300, "the router sees a change by itself"
    assert {a["release"] for a in serving.server.infer(spec.name, rows)} == {FIRST}


def test_the_drill_measures_a_roll_back_that_clients_do_not_notice(serving: Serving, services: Services) -> None:
    spec = serving.spec
    steps.promote_release(spec, services, FIRST)
    assert rollback_drill.drill_rollback(spec, services) is None, "the first release has none before it"
    serving.serve(SECOND)
    before = services.serving.rollout_state(spec)
    with Load(serving, clients=2) as load:
        drills = [rollback_drill.drill_rollback(spec, services, "ada") for _ in range(2)]
    assert load.failures == []
    assert {a["release"] for _, a in load.answers} == {SECOND}
    assert services.serving.rollout_state(spec) == before
    for one in drills:
        assert (one.champion, one.back_to) == (SECOND, FIRST)
        assert 0 < one.recovery_seconds < 100
        assert one.requests > one.refused
    told = [one for one in services.records.rollout_events(spec) if one.event == "drilled"]
    assert [one.figures["recovery_seconds"] for one in told] == [one.recovery_seconds for one in drills]
    assert sorted(p.name for p in serving.settings.triton_repository.iterdir()) == [spec.name]


def test_the_drill_fails_when_the_earlier_release_would(serving: Serving, services: Services) -> None:
    spec = serving.spec
    steps.promote_release(spec, services, FIRST)
    serving.serve(SECOND)
    file = Path(services.adapters.releases.get(spec.name, FIRST).path) / "baseline.json"
    good = file.read_text()
    try:
        file.write_text("{}\n")
        with pytest.raises(DeploymentError, match=r"baseline\.json was changed after packaging"):
            rollback_drill.drill_rollback(spec, services)
    finally:
        file.write_text(good)


def test_a_shift_while_the_server_is_dead_changes_nothing_and_counts_when_it_comes_back_in_time(
    serving: Serving, services: Services
) -> None:
    spec, run = spec_of(serving), "dead-run"
    before = services.serving.rollout_state(spec)
    serving.kill()
    with pytest.raises(ServiceError, match="no model server answers, so no traffic was moved"):
        steps.shift_traffic(spec, patient(services, 1), SECOND, 0.2, run)
    assert services.serving.rollout_state(spec) == before
    with ThreadPoolExecutor(1) as pool:
        shifted = pool.submit(steps.shift_traffic, spec, patient(services, 600), SECOND, 0.2, run)
        serving.start()
        generation = shifted.result(900)
    assert serving.generation() == generation == services.serving.rollout_state(spec).generation
    serving.kill()
    with pytest.raises(ServiceError, match="no model server answers"):
        rollback.abort(spec, patient(services, 1), "odd", "ada")
    written = services.serving.rollout_state(spec)
    assert (written.weights, written.outcome) == ({FIRST: 1.0}, "aborted"), "an order to go back stands"
    serving.start()
    assert rollback.abort(spec, patient(services, 600), "odd", "ada")
    assert services.serving.rollout_state(spec) == written
    assert answering(serving) == {FIRST}


def test_a_shift_that_a_hanging_server_does_not_confirm_is_taken_back_and_goes_on_later(
    serving: Serving, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, run, quick = spec_of(serving), "hanging-run", patient(services, 5)
    leader, follow = serving.supervisor.process("triton"), quick.serving.follow

    def hangs(*given: Any) -> None:
        leader.suspend()  # after the state was written, before anybody has confirmed it
        follow(*given)

    try:
        with monkeypatch.context() as broken:
            broken.setattr(quick.serving, "follow", hangs)
            with pytest.raises(ServiceError, match=r"written back to r0001, and no server confirms it yet"):
                steps.shift_traffic(spec, quick, SECOND, 0.2, run)
    finally:
        leader.resume()
    state = services.serving.rollout_state(spec)
    assert (state.weights, state.outcome) == ({FIRST: 1.0}, "interrupted")
    wait_until(lambda: serving.generation() == state.generation, 60, "the server follows what is written")
    assert answering(serving) == {FIRST}
    steps.shift_traffic(spec, patient(services, 60), SECOND, 0.2, run)
    assert answering(serving) == {FIRST, SECOND}
    rollback.abort(spec, patient(services, 60), "seen", "ada")


def patient(services: Services, seconds: float) -> Services:
    """Services that wait so long for the model server."""
    return Services(services.settings.model_copy(update={"serving_timeout": seconds}))


def answering(serving: Serving) -> set[str]:
    rows = request_rows(requests_frame(60))
    return {answer["release"] for answer in serving.server.infer(serving.spec.name, rows)}
