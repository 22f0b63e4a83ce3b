"""A rollout on the real server and Prometheus: judged on what was really answered; a killed one harms nothing."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from include.adapters.metrics_server import Prometheus
from include.contracts.deployment import Judgement
from include.deployment import judgement, packaging, predeployment, rollout
from include.errors import ConflictError, DeploymentError
from include.loop.rollout import promote_release
from include.services.composition import Services
from include.settings import ROOT, Settings
from tests.integration.pipeline_fixtures import (
    FEATURES,
    SPEC,
    Load,
    Serving,
    bare_serving,
    dataset_ref,
    prometheus,
    request_rows,
    requests_frame,
    serving,
    trained,
    wait_until,
)

pytestmark = pytest.mark.integration
__all__ = ["bare_serving", "prometheus", "serving"]

FIRST, SECOND = "r0001", "r0002"


def judged(serving: Serving, prometheus: str, seconds: float) -> Judgement:
    return judgement.judge(serving.spec, Prometheus(prometheus, 60), FIRST, SECOND, seconds)


def test_a_step_is_judged_on_what_both_arms_really_answered(serving: Serving, prometheus: str) -> None:
    state = serving.serve(FIRST)
    assert not judged(serving, prometheus, 3).enough
    with Load(serving, clients=3) as load:
        serving.switch(rollout.shift(state, SECOND, 0.5, lease=3600))
        wait_until(lambda: "no data" not in judged(serving, prometheus, 10).reason, what="two scrapes")
        begun, before = time.monotonic(), len(load.answers)
        wait_until(lambda: len(load.answers) > before + 600, 60, "traffic")
    answers = [a for _, a in load.answers[before:]]
    sent = {name: [a["probability"] for a in answers if a["release"] == name] for name in (FIRST, SECOND)}
    wait_until(
        lambda: judged(serving, prometheus, time.monotonic() - begun).requests[SECOND] > 0.9 * len(sent[SECOND]),
        what="the last scrape",
    )
    counted = {name: pytest.approx(len(probabilities), rel=0.2) for name, probabilities in sent.items()}

    def agreeing() -> Judgement | None:
        look = judged(serving, prometheus, time.monotonic() - begun)
        return look if look.requests == counted else None

    found = wait_until(
        agreeing, what="a window so long that Prometheus' extrapolation to both ends is a small part of it"
    )
    assert found
    for name, probabilities in sent.items():
        assert found.requests[name] == counted[name]
        assert found.mean_answer[name] == pytest.approx(sum(probabilities) / len(probabilities), abs=0.05)
        assert found.error_rate[name] == 0
        assert 0 < found.p99_ms[name] < 2500 * load.longest, "a bucket ends at most at 2.5 times of what is in it"
    assert found.enough
    apart = abs(found.mean_answer[FIRST] - found.mean_answer[SECOND])
    assert found.passed == (apart <= serving.spec.rollout.abort.max_prediction_shift)
    serving.switch(rollout.abort(serving.rollout_state(), "test over"))


def test_errors_of_the_challenger_fail_the_step(serving: Serving, prometheus: str) -> None:
    """A release whose own code fails on some requests: the error is its own, and is counted from the first one."""
    state = serving.serve(FIRST)
    broken = serving.release(2, on_request=FAILS_ON_LONG_FLIGHTS)
    serving.models.pop(broken.name)
    serving.switch(rollout.shift(state, broken.name, 0.5, lease=3600))
    begun = time.monotonic()
    with Load(serving, clients=3) as load:
        wait_until(lambda: len(load.answers) > 600, 60, "traffic")
    assert load.failures
    assert all("too far" in failure for failure in load.failures)
    wait_until(
        lambda: (
            (
                judgement.judge(
                    serving.spec, Prometheus(prometheus, 60), FIRST, broken.name, time.monotonic() - begun
                ).error_rate[broken.name]
                or 0.0
            )
            > 0.5 * len(load.failures) / 300
        ),
        what="the last scrape",
    )
    found = judgement.judge(serving.spec, Prometheus(prometheus, 60), FIRST, broken.name, time.monotonic() - begun)
    assert found.enough
    assert not found.passed
    assert "of its requests" in found.reason
    serving.switch(rollout.abort(serving.rollout_state(), found.reason))


FAILS_ON_LONG_FLIGHTS = """
import numpy as np


def on_request(fields):
    if (fields["distance"] == 99.0).any():
        raise ValueError("too far")
    minutes = np.mod(fields["sched_arr_minute"] - fields["sched_dep_minute"], 1440)
    return {"scheduled_speed": fields["distance"] / np.maximum(minutes / 60, 1e-9)}
"""


def test_two_rollouts_at_once_conflict(serving: Serving) -> None:
    state = serving.serve(FIRST)
    ours, theirs = (rollout.shift(state, SECOND, share, lease=60) for share in (0.2, 0.5))
    serving.switch(ours)
    with pytest.raises(ConflictError, match=r"at generation \d+ \(20% canary of r0002\)"):
        rollout.write(serving.state, theirs)
    serving.switch(rollout.abort(ours, "test over"))


def test_a_release_is_proved_alone_and_leaves_nothing_behind(serving: Serving) -> None:
    aside = serving.settings.staging / "private"
    ref = serving.releases.get(serving.spec.name, SECOND)
    figures = predeployment.verify(serving.spec, ref, serving.server, serving.kserve, serving.write_model, aside)
    assert figures["max_difference"] <= serving.spec.rollout.parity_bound
    assert figures["p99_ms"] < serving.spec.rollout.abort.max_p99_ms
    assert sorted(p.name for p in serving.settings.triton_repository.iterdir()) == [serving.spec.name]


def test_a_release_that_cannot_load_is_refused_by_the_server(serving: Serving) -> None:
    bad = serving.release(2)
    serving.models.pop(bad.name)
    (Path(bad.path) / "model.onnx").write_bytes(b"no model")
    serving.seal_again(bad)  # hashes agree: only loading it can tell
    with pytest.raises(DeploymentError, match="did not load"):
        predeployment.verify(
            serving.spec, bad, serving.server, serving.kserve, serving.write_model, serving.settings.staging / "private"
        )
    assert sorted(p.name for p in serving.settings.triton_repository.iterdir()) == [serving.spec.name]
    assert serving.server.infer(serving.spec.name, request_rows(requests_frame(1)))


KILLED = """
import sys, time
from pathlib import Path
from tests.integration.pipeline_fixtures import Serving
serving = Serving(Path(sys.argv[1]))
print(serving.release(4).name, flush=True)
time.sleep(600)  # killed here: the release is there, the rollout state does not name it
"""


def test_a_deployment_killed_before_the_switch_changes_nothing_and_may_be_repeated(serving: Serving) -> None:
    before = serving.serve(FIRST)
    argv = [sys.executable, "-W", "ignore", "-c", KILLED, str(serving.settings.home)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as killed:
        name = killed.stdout.readline().strip()
        killed.send_signal(signal.SIGKILL)
    rows = request_rows(requests_frame(3))
    assert {a["release"] for a in serving.server.infer(serving.spec.name, rows)} == {FIRST}
    assert serving.rollout_state() == before
    assert name in {r.name for r in serving.releases.all(serving.spec.name)}
    serving.serve(name)
    assert {a["release"] for a in serving.server.infer(serving.spec.name, rows)} == {name}
    serving.serve(FIRST)


def test_a_rollout_whose_watcher_died_ends_by_itself(serving: Serving) -> None:
    state = serving.serve(FIRST)
    serving.switch(rollout.shift(state, SECOND, 0.99, lease=-1))
    rows = request_rows(requests_frame(1))
    assert {a["release"] for _ in range(30) for a in serving.server.infer(serving.spec.name, rows)} == {FIRST}
    serving.serve(FIRST)


def test_a_model_whose_onnx_answers_differently_is_not_packaged(tmp_path: Path) -> None:
    honest, rows = trained(seed=1), requests_frame(500)

    class Twisted:
        onnx, encoding = staticmethod(honest.onnx), staticmethod(honest.encoding)

        def predict(self, frame: pd.DataFrame) -> np.ndarray:
            return honest.predict(frame) + 0.01

    with pytest.raises(DeploymentError, match=r"differs from the trained one by 0.01 .* Nothing was deployed"):
        packaging.package(
            SPEC,
            model=Twisted(),
            model_version=9,
            model_hash="hash of the model",
            dataset=dataset_ref(),
            features=FEATURES,
            rows=rows,
            incomplete=[],
            baseline={},
            staging=tmp_path / "release",
        )


def test_a_first_promotion_killed_after_the_state_was_written_is_finished_by_its_repetition(
    bare_serving: Serving, mlflow: Settings
) -> None:
    bare_serving.start()
    bare_serving.fill_online_store()
    name = bare_serving.release(1).name
    services = Services(bare_serving.settings.model_copy(update={"mlflow_port": mlflow.mlflow_port}))
    services.adapters.tracker.log_training(SPEC.name, dataset_ref(), b"model", {}, {}, {})
    rollout.write(bare_serving.state, rollout.first(SPEC, name))  # killed here: no pipeline is loaded yet
    promote_release(SPEC, services, name)
    rows = request_rows(requests_frame(3))
    assert {a["release"] for a in bare_serving.server.infer(SPEC.name, rows)} == {name}
    assert services.adapters.tracker.alias(SPEC.name, "champion") == 1
    assert bare_serving.rollout_state().generation == 1
