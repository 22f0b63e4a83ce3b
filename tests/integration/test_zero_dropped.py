"""No request fails and no answer is wrong, at 50 requests per second and more, whatever a deployment does meanwhile."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import pytest

from include.deployment import scoring
from include.loop import deployment, rollback, rollout
from include.services.composition import Services
from include.settings import ROOT, Settings
from include.specification.usecase import UseCase
from tests.integration.pipeline_fixtures import SPEC, Load, Serving, dataset_ref, prometheus, serving, wait_until
from tests.unit.fakes.approvals import approve

pytestmark = pytest.mark.integration
__all__ = ["prometheus", "serving"]

FIRST, SECOND = "r0001", "r0002"
MANY = 50
# the two models say the opposite of each other, so their mean answers differ as those of two good models would not
ABORT = SPEC.rollout.abort.model_copy(update={"max_prediction_shift": 1.0})
ROLLOUT = SPEC.rollout.model_copy(update={"bake_seconds": 2, "min_requests": 50, "abort": ABORT})
QUICK: UseCase = SPEC.model_copy(update={"rollout": ROLLOUT})

# like Airflow's executor, one process forks one for each task; what is slow to import is imported once
TASKS = """
import os, signal, sys
from include.loop import rollout
from include.services.composition import services
from include.specification.running import Rollout
from include.specification.loader import load_usecase
usecase, policy, release = sys.argv[1:]
spec = load_usecase(usecase)
spec = spec.model_copy(update={"rollout": Rollout.model_validate_json(policy)})
services().adapters.tracker.versions(usecase)
steps = {
    "shift": lambda: rollout.shift_traffic(spec, services(), release, 0.2, "killed"),
    "judge": lambda: rollout.judge_rollout(spec, services(), release, 0.2, "killed"),
    "promote": lambda: rollout.promote(spec, services(), release, "killed"),
}
print("ready", flush=True)
for step in map(str.strip, sys.stdin):
    task = os.fork()
    if not task:
        os.dup2(2, 1)  # what a task prints is no word of the executor
        steps[step]()
        signal.pause()  # killed by now
    print(task, flush=True)
    print(os.waitpid(task, 0)[1], flush=True)
"""


class Executor:
    """Runs steps of the deployment, and kills them."""

    def __init__(self, settings: Settings) -> None:
        variables = os.environ | settings.variables() | settings.secrets()
        argv = [sys.executable, "-W", "ignore", "-c", TASKS, QUICK.name, ROLLOUT.model_dump_json(), SECOND]
        self._process = subprocess.Popen(
            argv, cwd=ROOT, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> "Executor":
        assert self._process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def kill(self, step: str, when: Callable[[float], bool]) -> None:
        """SIGKILL in the middle of the step: as soon as ``when`` is true, which gets the seconds since it began."""
        self._process.stdin.write(f"{step}\n")
        task, begun = int(self._process.stdout.readline()), time.monotonic()
        while not when(seconds := time.monotonic() - begun):
            assert seconds < 200
        os.kill(task, signal.SIGKILL)
        assert int(self._process.stdout.readline()) == signal.SIGKILL


@dataclass
class Platform:
    """The server, Prometheus and MLflow of one deployment, and their settings as a task of Airflow gets them."""

    serving: Serving
    services: Services

    def generation(self) -> int:
        return self.services.serving.require_rollout_state(QUICK).generation

    def logged(self) -> pd.DataFrame:
        """What was logged since the last time, by request id."""
        log, rows = self.services.adapters.prediction_log(SPEC), []
        for batch in log.unshipped():
            rows.append(batch.rows)
            log.acknowledge(batch)
        return pd.concat(rows).set_index("request_id")


@pytest.fixture
def platform(serving: Serving, prometheus: str, mlflow: Settings) -> Iterator[Platform]:
    ports = {"prometheus_port": urlsplit(prometheus).port, "mlflow_port": mlflow.mlflow_port}
    platform = Platform(serving, Services(serving.settings.model_copy(update=ports)))
    for version, name in enumerate((FIRST, SECOND), start=1):
        platform.services.adapters.tracker.log_training(QUICK.name, dataset_ref(), name.encode(), {}, {}, {})
        approve(platform.services, QUICK, version, "hash of the model")
    rollout.promote_release(QUICK, platform.services, FIRST)
    yield platform
    serving.serve(FIRST)


def require_right(platform: Platform, load: Load) -> None:
    """Every request was answered, and as the release that the answer names says; the log has the same."""
    assert load.failures == []
    assert len(load.answers) > 2 * MANY
    assert load.wrong() == 0
    assert {a["release"] for _, a in load.answers} == {FIRST, SECOND}
    logged, asked = platform.logged(), [a["request_id"] for _, a in load.answers]
    assert set(asked) - set(logged.index) == set()
    logged = logged.loc[asked]
    for name, rows in logged.groupby("release"):
        directory = Path(platform.services.adapters.releases.get(SPEC.name, name).path)
        assert scoring.scores(directory, rows) == pytest.approx(rows["probability"].to_numpy(), abs=1e-5)
    assert logged["probability"].tolist() == pytest.approx([a["probability"] for _, a in load.answers], abs=1e-6)
    assert logged["release"].tolist() == [a["release"] for _, a in load.answers]


def test_nothing_is_dropped_while_a_deployment_is_killed_at_every_step_and_finished(platform: Platform) -> None:
    services, before = platform.services, platform.generation()
    with Executor(services.settings) as executor, Load(platform.serving, clients=6, pause=0.04) as load:
        executor.kill("shift", lambda _: platform.generation() > before)
        rollout.shift_traffic(QUICK, services, SECOND, 0.2, "killed")
        executor.kill("judge", lambda seconds: seconds > 1.5)
        assert rollout.judge_rollout(QUICK, services, SECOND, 0.2, "killed").passed
        rollout.shift_traffic(QUICK, services, SECOND, 1.0, "killed", opens=False)
        assert rollout.judge_rollout(QUICK, services, SECOND, 1.0, "killed").passed
        executor.kill("promote", lambda _: services.serving.rollout_state(QUICK).champion == SECOND)
        rollout.promote(QUICK, services, SECOND, "killed")
    assert services.adapters.tracker.alias(QUICK.name, "champion") == 2
    assert load.answers[-1][1]["release"] == SECOND
    require_right(platform, load)


def test_nothing_is_dropped_by_a_shadow_or_by_arms_that_clients_stay_in(platform: Platform) -> None:
    services, aircraft = platform.services, "tailnum"
    policy = ROLLOUT.model_copy(update={"strategy": "ab_test", "sticky_by": aircraft})
    sticky = QUICK.model_copy(update={"rollout": policy})
    with Load(platform.serving, clients=6, pause=0.04) as load:
        rollout.mirror_traffic(QUICK, services, SECOND, "shadowed")
        wait_until(lambda: platform.serving.figure("moebius_shadow_total", outcome="ok") > MANY, what="copies")
        assert {a["release"] for _, a in load.answers} == {FIRST}
        rollout.end_rollout(QUICK, services, "a test", rollout_id="shadowed")
        rollout.shift_traffic(sticky, services, SECOND, 0.5, "sticky")
        split = time.perf_counter()

        def told() -> list[tuple[str, str]]:
            """Aircraft and release of each answer to what was asked since then."""
            asked = [(i, a) for i, a in load.answers if load.asked[a["request_id"]] > split]
            return [(load.frame[aircraft][i], a["release"]) for i, a in asked]

        everyone = {*load.frame[aircraft]}
        wait_until(
            lambda: len(told()) > 5 * MANY and {plane for plane, _ in told()} == everyone,
            what="answers of both arms to every aircraft",
        )
        met = {*told()}
        rollout.end_rollout(QUICK, services, "a test", rollout_id="sticky")
    require_right(platform, load)
    assert {release for _, release in met} == {FIRST, SECOND}
    assert len(met) == len(everyone)


def test_nothing_is_dropped_by_a_private_test_an_abort_a_rollback_or_other_settings(platform: Platform) -> None:
    """The last exchanges the pipeline itself: the model of the stable name is loaded anew under load."""
    services = platform.services
    patient = Services(services.settings.model_copy(update={"online_timeout": 0.2}))
    with Load(platform.serving, clients=6, pause=0.04) as load:
        second = services.adapters.releases.get(QUICK.name, SECOND)
        deployment.verify_release(QUICK, services, second, stores=False)
        rollout.shift_traffic(QUICK, services, SECOND, 0.5, "aborted")
        wait_until(lambda: load.answers[-1][1]["release"] == SECOND, what="the challenger's answer")
        rollout.end_rollout(QUICK, services, "a test", rollout_id="aborted")
        rollout.promote_release(QUICK, services, SECOND)
        rollback.restore_release(QUICK, services, rollback.rollback_target(QUICK, services, None), "a test")
        rollout.promote_release(QUICK, patient, SECOND)
    assert '"0.2"' in (services.settings.triton_repository / QUICK.name / "config.pbtxt").read_text()
    require_right(platform, load)
