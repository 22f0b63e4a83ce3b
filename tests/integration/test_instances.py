"""Several processes under one stable name: one rollout, one set of figures, and one that dies leaves the others."""

import json
import time
from collections.abc import Iterator

import psutil
import pytest

from include.specification.packaging import Serving as Instances
from tests import living
from tests.integration.pipeline_fixtures import SPEC, Load, Serving, wait_until

pytestmark = pytest.mark.integration
TWO = SPEC.model_copy(update={"serving": Instances(instances=2)})


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    serving = Serving(tmp_path_factory.mktemp("instances"), TWO)
    serving.fill_online_store()
    first, _ = serving.release(1), serving.release(2)
    with serving.answering(first.name):
        yield serving


def processes(serving: Serving) -> list[psutil.Process]:
    file = serving.settings.triton_repository / serving.spec.name / "1" / "model.py"
    return living.that_run(file, serving.supervisor.process("triton"))


def logged(serving: Serving) -> dict[str, set[str]]:
    """The request ids that each process logged, by its pid: it writes a file each day."""
    found: dict[str, set[str]] = {}
    for file in (serving.settings.prediction_spool / serving.spec.name).glob("*.jsonl"):
        ids = {json.loads(line)["request_id"] for line in file.read_text().splitlines()}
        found.setdefault(file.stem.rpartition("-")[2], set()).update(ids)
    return found


def test_all_processes_answer_and_their_figures_are_one(serving: Serving) -> None:
    assert len(processes(serving)) == 2
    before = serving.settled("moebius_requests_total", outcome="ok")
    with Load(serving, clients=8, pause=0.0) as load:
        wait_until(lambda: len(load.answers) > 400, what="400 answers")
    assert load.failures == []
    assert load.wrong() == 0
    serving.wait_for("moebius_requests_total", before + len(load.answers), outcome="ok")
    by_process = logged(serving)
    assert len(by_process) == 2
    assert all(by_process.values())
    assert set.union(*by_process.values()) >= {a["request_id"] for _, a in load.answers}


def test_a_new_state_is_confirmed_only_when_every_process_follows_it(serving: Serving) -> None:
    one, two = sorted(serving.models)
    with Load(serving, clients=8, pause=0.0) as load:
        for release in (two, one) * 5:
            serving.serve(release)
            confirmed = time.perf_counter()
            wait_until(lambda since=confirmed: len(load.asked_since(since)) > 60, what="60 answers asked after it")
            assert {a["release"] for a in load.asked_since(confirmed)} == {release}
    assert load.failures == []
    assert load.wrong() == 0


def test_fewer_processes_follow_the_rollout_alone(serving: Serving) -> None:
    fewer = serving.of(SPEC)
    fewer.models = serving.models
    fewer.install()
    wait_until(lambda: len(processes(fewer)) == 1, what="one process is left")
    state = fewer.rollout_state()
    assert fewer.serve(sorted(fewer.models)[0]).generation > state.generation
