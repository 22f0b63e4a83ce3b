"""The pipeline on the real Triton server: right answers, swaps without a lost request, faults that stay faults."""

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from include.deployment import pipeline, rollout
from include.errors import DeploymentError, ServiceError
from include.loop import deployment
from tests.integration.serving_fixtures import Serving, requests, serving, spool_lines, train

__all__ = ["serving"]
pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def releases(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Two releases with different answers; the first one serves."""
    home = tmp_path_factory.mktemp("releases")
    made = {}
    for seed in (1, 2):
        ref, model = serving.release(seed, home)
        made[ref.name] = model
    serving.serve("r0001")
    return made


def answers(serving: Serving, rows: pd.DataFrame) -> list[dict]:
    return serving.services.model_server(serving.spec).infer("flight_delay", requests(serving.spec, rows))


def test_an_answer_is_the_trained_models_own(serving: Serving, releases: dict) -> None:
    rows = serving.rows.head(64)
    given = answers(serving, rows)
    expected = releases["r0001"].predict(rows)
    assert np.abs(np.array([a["probability"] for a in given]) - expected).max() < 1e-5
    assert {a["release"] for a in given} == {"r0001"}
    assert len({a["request_id"] for a in given}) == 64


def test_the_pipeline_reads_what_feast_would(serving: Serving, releases: dict) -> None:
    row = serving.rows.head(1)
    answered = answers(serving, row)[0]
    logged = next(r for r in spool_lines(serving.services) if r["request_id"] == answered["request_id"])
    keys = [{"origin": row["origin"].iloc[0], "tailnum": row["tailnum"].iloc[0]}]
    feast = serving.services.feature_store.online("flight_delay_v1", keys)[0]
    looked_up = {f.name for f in serving.spec.features if f.origin in serving.spec.views}
    assert {k: v for k, v in logged["features"].items() if k in looked_up} == {k: feast[k] for k in looked_up}
    assert logged["missing"] == []


def test_stale_and_unknown_features_are_missing_not_wrong(serving: Serving, releases: dict) -> None:
    row = serving.rows.head(1).assign(tailnum="N-unknown", event_timestamp=pd.Timestamp("2013-04-02T12:00Z"))
    answered = answers(serving, row)[0]
    logged = next(r for r in spool_lines(serving.services) if r["request_id"] == answered["request_id"])
    assert sorted(logged["missing"]) == ["aircraft", "airport_weather"]
    assert logged["features"]["temp"] is None
    without = row.assign(**{f.name: np.nan for f in serving.spec.features if f.origin in serving.spec.views})
    assert answered["probability"] == pytest.approx(releases["r0001"].predict(without)[0], abs=1e-5)


def test_bad_requests_are_errors_and_the_next_one_is_served(serving: Serving, releases: dict) -> None:
    server = serving.services.model_server(serving.spec)
    good = requests(serving.spec, serving.rows.head(1))[0]
    with pytest.raises(ServiceError, match="distance"):
        server.infer("flight_delay", [good | {"distance": float("nan")}])
    with pytest.raises(ServiceError):
        server.infer("flight_delay", [])
    assert server.infer("flight_delay", [good])[0]["release"] == "r0001"


def test_the_pre_deployment_test_passes_a_sound_release_and_leaves_nothing(serving: Serving, releases: dict) -> None:
    ref = serving.services.releases.get("flight_delay", "r0002")
    figures = deployment.test_release(serving.spec, serving.services, ref)
    assert figures["max_difference"] < 1e-5
    assert figures["p99_ms"] < 100
    assert not serving.services.model_server(serving.spec).model_ready(pipeline.private_name(serving.spec, "r0002"))


def test_a_release_whose_files_changed_is_refused(serving: Serving, releases: dict, tmp_path: Path) -> None:
    ref, _ = serving.release(3, tmp_path)
    (Path(ref.path) / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(DeploymentError, match="changed after packaging"):
        deployment.test_release(serving.spec, serving.services, ref)


def test_a_release_that_does_not_load_keeps_the_old_one_serving(
    serving: Serving, releases: dict, tmp_path: Path
) -> None:
    ref, _ = serving.release(4, tmp_path)
    (Path(ref.path) / "model.onnx").write_bytes(b"not a model")
    state = serving.services.require_rollout_state(serving.spec)
    rollout.write(serving.services.rollout_file(serving.spec), rollout.promote(state, ref.name))
    with pytest.raises(ServiceError, match="follows rollout generation"):
        rollout.confirm(lambda: serving.services.served_generation(serving.spec), state.generation + 1, 1.0)
    assert answers(serving, serving.rows.head(1))[0]["release"] == state.champion
    serving.serve("r0001")


def test_releases_swap_under_load_without_a_lost_or_wrong_answer(serving: Serving, releases: dict) -> None:
    serving.serve("r0001")
    rows = serving.rows.head(200)
    expected = {name: model.predict(rows) for name, model in releases.items()}
    wrong, seen, stop, failed = [], set(), threading.Event(), []

    def client() -> None:
        server = serving.services.model_server(serving.spec)
        batch = requests(serving.spec, rows)
        i = 0
        while not stop.is_set():
            i = (i + 1) % len(batch)
            try:
                answer = server.infer("flight_delay", [batch[i]])[0]
            except ServiceError as error:
                failed.append(error)
                continue
            seen.add(answer["release"])
            if abs(answer["probability"] - expected[answer["release"]][i]) > 1e-5:
                wrong.append(answer)

    clients = [threading.Thread(target=client) for _ in range(2)]
    for one in clients:
        one.start()
    try:
        for _ in range(3):
            for share in (0.2, 0.5):
                deployment.shift_traffic(serving.spec, serving.services, "r0002", share)
            serving.serve("r0002")
            serving.serve("r0001")
    finally:
        stop.set()
        for one in clients:
            one.join()
    assert not failed, failed[:3]
    assert not wrong, wrong[:3]
    assert seen == {"r0001", "r0002"}


def test_an_expired_lease_gives_everything_back_to_the_champion(serving: Serving, releases: dict) -> None:
    serving.serve("r0001")
    state = serving.services.require_rollout_state(serving.spec)
    deployment._switch(serving.spec, serving.services, rollout.shift(state, "r0002", 0.99, lease_until=1.0))
    assert {a["release"] for _ in range(20) for a in answers(serving, serving.rows.head(1))} == {"r0001"}
    serving.serve("r0001")


def test_a_killed_server_loses_no_logged_prediction(serving: Serving, releases: dict) -> None:
    before = {a["request_id"] for a in answers(serving, serving.rows.head(50))}
    leader = serving.supervisor.process("triton")
    assert leader is not None
    os.kill(leader.pid, signal.SIGKILL)
    leader.wait(timeout=20)
    assert before <= {r["request_id"] for r in spool_lines(serving.services)}
    serving.supervisor.stop("triton")
    serving.start()
    assert answers(serving, serving.rows.head(1))[0]["release"] == "r0001", "the stable name comes back by itself"


def test_the_spool_is_shipped_once_and_only_whole_lines(serving: Serving, releases: dict) -> None:
    log = serving.services.prediction_log(serving.spec)
    for batch in log.unshipped():
        log.acknowledge(batch)
    wanted = {a["request_id"] for a in answers(serving, serving.rows.head(5))}
    with next(iter((serving.services.settings.prediction_spool / "flight_delay").glob("*.jsonl"))).open("a") as torn:
        torn.write('{"request_id": "half')
    batches = list(log.unshipped())
    assert {i for b in batches for i in b.rows["request_id"]} == wanted
    for batch in batches:
        log.acknowledge(batch)
    assert list(log.unshipped()) == []


def test_packaging_refuses_a_model_whose_onnx_answers_differently(serving: Serving, tmp_path: Path) -> None:
    from include.deployment import packaging
    from tests.integration.serving_fixtures import dataset

    honest = train(serving.spec, serving.rows, 1)

    class Twisted:
        def predict(self, frame: pd.DataFrame) -> np.ndarray:
            return honest.predict(frame) + 0.01

        onnx, encoding = staticmethod(honest.onnx), staticmethod(honest.encoding)

    with pytest.raises(DeploymentError, match="differs from the trained one"):
        packaging.package(
            serving.spec, model=Twisted(), model_version=9, dataset=dataset(), rows=serving.rows, baseline={},
            staging=tmp_path / "staged",
        )  # fmt: skip
