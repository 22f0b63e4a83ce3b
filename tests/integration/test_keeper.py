"""What dies at night is there again in seconds: a model's process, one of several, and the server itself."""

import time
from collections.abc import Iterator

import pytest

from include.errors import MoebiusError
from include.platform.servers import service
from include.platform.topology import instances_of, keeper_file
from include.processes.keeper import models
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


@pytest.fixture
def serving(bare_serving: Serving) -> Iterator[Serving]:
    bare_serving.fill_online_store()
    with bare_serving.answering(bare_serving.release(1).name):
        yield bare_serving


@pytest.fixture
def kept(serving: Serving) -> Iterator[Serving]:
    """With the keeper's own process beside it."""
    (instance,) = instances_of("keeper", serving.settings)
    serving.supervisor.start(service(instance))
    yield serving
    serving.supervisor.stop("keeper")


def answers(serving: Serving) -> bool:
    try:
        return bool(serving.server.infer(serving.spec.name, request_rows(requests_frame(1))))
    except MoebiusError:
        return False


def test_a_dead_process_and_a_dead_server_are_there_again_without_anybody(kept: Serving) -> None:
    assert answers(kept)
    for time_of_death in ("first", "second"):  # what is unchanged since the last time is loaded again, too
        (process,) = processes(kept)
        process.kill()
        assert not answers(kept), "the server by itself does not start it again"
        wait_until(lambda: answers(kept), 60, f"the model is loaded again after its {time_of_death} death")
    kept.kill()
    assert not answers(kept)
    wait_until(lambda: answers(kept), 60, "the server is started again")
    log = kept.supervisor.log("keeper")
    wait_until(lambda: "triton was gone, and is started again" in log.read_text(), what="the keeper's word on it")
    assert f"triton: a process of model {kept.spec.name} was gone, and the model is loaded again" in log.read_text()
    server = kept.supervisor.process("triton")
    assert kept.supervisor.stop("keeper")
    assert server.is_running(), "who started a service does not take it along"
    assert answers(kept)


def test_what_is_stopped_stays_stopped(kept: Serving) -> None:
    kept.supervisor.stop("triton")
    rounds = keeper_file(kept.settings).stat().st_mtime_ns
    wait_until(lambda: keeper_file(kept.settings).stat().st_mtime_ns > rounds, what="a round of the keeper")
    rounds = keeper_file(kept.settings).stat().st_mtime_ns
    wait_until(lambda: keeper_file(kept.settings).stat().st_mtime_ns > rounds, what="another, begun since")
    assert kept.supervisor.process("triton") is None


def test_one_of_two_processes_dies_and_the_other_answers_meanwhile(
    bare_serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "SILENT_SECONDS", 3.0)
    serving = bare_serving.of(SPEC.model_copy(update={"serving": Instances(instances=2)}))
    serving.fill_online_store()
    with serving.answering(serving.release(1).name):
        server = models.servers(serving.settings)[0]
        one = models.ModelKeeper([server], serving.supervisor)
        one.look()
        with Load(serving, clients=4, pause=0.005) as load:
            victim, other = processes(serving)
            wait_until(lambda: len(load.answers) > 50, what="50 answers")
            victim.kill()
            killed = len(load.answers)
            wait_until(lambda: one.look() or not {victim, other} & set(processes(serving)), 60, "a new load")
            assert len(processes(serving)) == 2
            assert len(load.answers) > killed + 100, "the other went on"
            failed, healed = len(load.failures), len(load.answers)
            wait_until(lambda: len(load.answers) > healed + 200, what="200 answers of the new processes")
        assert len(load.failures) == failed < 40, load.failures
        assert load.wrong() == 0
        state = serving.serve(serving.releases.all(serving.spec.name)[-1].name)
        assert serving.generation() == state.generation


def test_a_model_that_lives_is_left_alone(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "SILENT_SECONDS", 3.0)
    server, end = models.servers(serving.settings)[0], time.monotonic() + 8
    found = []
    wait_until(lambda: found.extend(server.silent_models()) or time.monotonic() > end, what="eight seconds of looking")
    assert found == []
    (process,) = processes(serving)
    serving.install()
    wait_until(lambda: not process.is_running(), what="the process of before the exchange ends")
    end = time.monotonic() + 5
    wait_until(lambda: found.extend(server.silent_models()) or time.monotonic() > end, what="five seconds of looking")
    assert found == []
