"""What dies or hangs at night is there again in seconds: a model's process, one of several, and the server itself."""

import os
import time
from collections.abc import Callable, Iterator

import pytest

from include.adapters.model_server import TritonServer
from include.contracts.platform import events_file, read_events
from include.errors import MoebiusError
from include.platform.processes import alive
from include.platform.servers import service
from include.platform.topology import instances_of, keeper_file
from include.processes.keeper import examination, healing, models
from include.specification.packaging import Serving as Instances
from tests.integration.pipeline_fixtures import (
    SPEC,
    Load,
    Serving,
    bare_serving,
    request_rows,
    requests_frame,
    wait_until,
)
from tests.integration.test_instances import processes

__all__ = ["bare_serving"]
pytestmark = pytest.mark.integration
LONG = 120.0
"""No bound: the machine may be busy. docs/reliability.md has the times as measured."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that answers, with the keeper's own process beside it."""
    serving = Serving(tmp_path_factory.mktemp("kept"))
    serving.fill_online_store()
    with serving.answering(serving.release(1).name):
        (instance,) = instances_of("keeper", serving.settings)
        serving.supervisor.start(service(instance))
        yield serving
        serving.supervisor.stop("keeper")


def answers(serving: Serving, seconds: float = 2.0) -> bool:
    """Within a short time, where it is asked again: a server that was stopped would be waited for."""
    hurried = serving.settings.model_copy(update={"serving_timeout": seconds})
    server = TritonServer(hurried, serving.spec.request, serving.spec.inputs)
    try:
        return bool(server.infer(serving.spec.name, request_rows(requests_frame(1))))
    except MoebiusError:
        return False
    finally:
        server.close()


def told(serving: Serving) -> list[tuple[str, str]]:
    """Which process, and what happened to it."""
    return [(event.service, event.what) for event in read_events(events_file(serving.settings.home))]


def kill_process(serving: Serving) -> None:
    for process in processes(serving):
        process.kill()


def stop_process(serving: Serving) -> None:
    for process in processes(serving):
        process.suspend()


def kill_server(serving: Serving) -> None:
    serving.kill()


def stop_server(serving: Serving) -> None:
    serving.supervisor.process("triton").suspend()


def kill_server_and_the_process_of_the_next(serving: Serving) -> None:
    before = serving.supervisor.process("triton")
    serving.kill()
    wait_until(lambda: serving.supervisor.process("triton") not in (None, before), LONG, "the next server")
    wait_until(lambda: bool(processes(serving)), LONG, "its process")
    kill_process(serving)


FAULTS = (kill_process, kill_server, kill_process, stop_process, stop_server, kill_server_and_the_process_of_the_next)
"""The first again after the second: what a server loaded when it started is another case to it."""


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{i}_{fault.__name__}" for i, fault in enumerate(FAULTS)])
def test_what_dies_or_hangs_answers_again_and_only_then_is_called_healed(
    kept: Serving, fault: Callable[[Serving], None]
) -> None:
    wait_until(lambda: answers(kept), LONG, "an answer before")
    log, before = kept.supervisor.log("keeper"), len(told(kept))
    size = log.stat().st_size
    fault(kept)
    wait_until(lambda: "is healed" in log.read_text()[size:], LONG, f"the keeper's word after {fault.__name__}")
    assert answers(kept, LONG), log.read_text()[size:]
    wait_until(lambda: told(kept)[-1][1] == "started", LONG, "the event")
    assert [what for _, what in told(kept)[before:]] != ["started"], "what died or hung is told, too"


def test_what_is_stopped_stays_stopped_and_the_keeper_may_go_alone(kept: Serving) -> None:
    wait_until(lambda: answers(kept), LONG, "an answer before")
    kept.supervisor.stop("triton")
    rounds = keeper_file(kept.settings).stat().st_mtime_ns
    wait_until(lambda: keeper_file(kept.settings).stat().st_mtime_ns > rounds, LONG, what="a round of the keeper")
    rounds = keeper_file(kept.settings).stat().st_mtime_ns
    wait_until(lambda: keeper_file(kept.settings).stat().st_mtime_ns > rounds, LONG, what="another, begun since")
    assert kept.supervisor.process("triton") is None
    kept.start()
    server = kept.supervisor.process("triton")
    assert kept.supervisor.stop("keeper")
    assert server.is_running(), "who started a service does not take it along"
    assert answers(kept, LONG)
    (instance,) = instances_of("keeper", kept.settings)
    kept.supervisor.start(service(instance))


def test_one_of_two_processes_dies_and_the_other_answers_meanwhile(
    bare_serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "LEAVE_SECONDS", 3.0)
    monkeypatch.setattr(healing, "PROVE_SECONDS", LONG)
    serving = bare_serving.of(SPEC.model_copy(update={"serving": Instances(instances=2)}))
    serving.fill_online_store()
    with serving.answering(serving.release(1).name):
        (server,) = models.kept(serving.settings)
        server.look()
        assert not told(serving)
        with Load(serving, clients=4, pause=0.005) as load:
            victim, other = processes(serving)
            wait_until(lambda: len(load.answers) > 50, what="50 answers")
            victim.kill()
            killed = len(load.answers)
            wait_until(
                lambda: server.look() or not {victim, other} & set(processes(serving)), LONG, "only new processes"
            )  # fmt: skip
            assert len(processes(serving)) == 2
            assert len(load.answers) > killed + 100, "the other went on"
            failed, healed = len(load.failures), len(load.answers)
            wait_until(lambda: len(load.answers) > healed + 200, what="200 answers of the new processes")
        assert len(load.failures) == failed < 40, load.failures
        assert load.wrong() == 0
        assert told(serving) == [(f"triton/{SPEC.name}", "died"), (f"triton/{SPEC.name}", "started")]
        state = serving.serve(serving.releases.all(serving.spec.name)[-1].name)
        assert serving.generation() == state.generation


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, models.Kept]]:
    """A server that answers, and a keeper that looks when it is told to."""
    serving = Serving(tmp_path_factory.mktemp("looked_at"))
    serving.fill_online_store()
    with serving.answering(serving.release(1).name):
        yield serving, models.kept(serving.settings)[0]


def test_probes_are_real_requests_and_leave_no_trace(looked_at: tuple[Serving, models.Kept]) -> None:
    serving, kept = looked_at
    asked = serving.settled("moebius_requests_total")
    spool = serving.settings.prediction_spool / serving.spec.name
    size = sum(file.stat().st_size for file in spool.glob("*"))
    served = serving.settled("nv_inference_request_success", model=serving.spec.name)
    found = [kept.control.probe(serving.spec.name, LONG) for _ in range(3)]
    assert {(one.process, one.fault) for one in found} == {(f"{serving.spec.name}_0_0", "")}
    serving.wait_for("nv_inference_request_success", served + 3, model=serving.spec.name)
    assert serving.settled("moebius_requests_total") == asked
    assert sum(file.stat().st_size for file in spool.glob("*")) == size


def test_a_model_that_lives_or_is_exchanged_is_left_alone(looked_at: tuple[Serving, models.Kept]) -> None:
    serving, kept = looked_at
    kept.look()
    (process,) = processes(serving)
    serving.install()
    wait_until(lambda: kept.look() or not process.is_running(), LONG, "the process of before the exchange ends")
    kept.look()
    assert told(serving) == []
    assert len(processes(serving)) == 1


def test_a_load_happens_whatever_the_clock_says(looked_at: tuple[Serving, models.Kept]) -> None:
    """The server loads nothing that is not newer, and answers 200."""
    serving, kept = looked_at
    file = serving.settings.triton_repository / serving.spec.name / "1" / "model.py"
    tomorrow = time.time() + 86_400
    os.utime(file, (tomorrow, tomorrow))
    kept.control.load(serving.spec.name)
    wait_until(lambda: len(processes(serving)) == 1, LONG, "the process of before leaves")
    (before,) = processes(serving)
    kept.control.load(serving.spec.name)
    wait_until(lambda: not before.is_running(), LONG, "its process is exchanged")
    assert examination.examine(kept.control, serving.spec.name, kept._living, LONG).verdict == "healthy"


def test_what_cannot_be_loaded_is_told_and_costs_the_server_nothing(
    looked_at: tuple[Serving, models.Kept], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving, kept = looked_at
    monkeypatch.setattr(healing, "REST_SECONDS", 0.0)
    file = serving.settings.triton_repository / serving.spec.name / "1" / "model.py"
    good, leader, before = file.read_text(), serving.supervisor.process("triton"), len(told(serving))
    file.write_text("raise RuntimeError('no such thing')")
    kill_process(serving)
    wait_until(lambda: kept.look() or len(told(serving)) > before + 1, LONG, "it is given up")
    kept.look()
    assert told(serving)[before:] == [(f"triton/{SPEC.name}", "died"), (f"triton/{SPEC.name}", "gave_up")]
    assert "no such thing" in caplog.text
    assert "is healed" not in caplog.text
    assert serving.supervisor.process("triton") == leader
    file.write_text(good)
    wait_until(lambda: kept.look() or answers(serving), LONG, "it answers again")
    wait_until(lambda: kept.look() or told(serving)[-1][1] == "started", LONG, "and that is told")


def test_orphans_that_were_stopped_do_not_hold_up_the_next_server(looked_at: tuple[Serving, models.Kept]) -> None:
    serving, kept = looked_at
    (process,) = processes(serving)
    kept.look()
    process.suspend()
    serving.kill()
    wait_until(lambda: kept.look() or answers(serving), LONG, "the next server answers")
    assert not alive(process), "what is left of the server before is ended"
