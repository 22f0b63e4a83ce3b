"""The fused pipeline on the real server: right answers, swaps without a failure, bad requests, bad releases."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from include.contracts import write_atomically
from include.deployment import rollout
from include.errors import DataError, DeploymentError, ServiceError
from tests.integration.pipeline_fixtures import (
    Load,
    Serving,
    bare_serving,
    entity_features,
    request_rows,
    requests_frame,
    serving,
    stored,
    wait_until,
)
from tests.integration.redis_fixtures import running_redis

pytestmark = pytest.mark.integration
__all__ = ["bare_serving", "serving"]


def test_answers_are_those_of_the_trained_model_with_features_from_the_online_store(serving: Serving) -> None:
    frame = requests_frame(60, seed=5)
    state = rollout.read(serving.rollout_file)
    answers = serving.server.infer(serving.spec.name, request_rows(frame))
    assert {a["release"] for a in answers} == {state.champion}
    expected = serving.models[state.champion].predict(frame)
    np.testing.assert_allclose([a["probability"] for a in answers], expected, atol=1e-5)
    assert [a["prediction"] for a in answers] == [int(p >= 0.5) for p in expected]
    assert len({a["request_id"] for a in answers}) == 60


def test_the_lookup_gives_what_feast_gives(serving: Serving) -> None:
    rows = requests_frame(40, seed=6)
    keys = rows[["origin", "tailnum"]].assign(tailnum=rows["tailnum"].map(stored)).to_dict("records")
    feast = serving.store.online(serving.spec.feature_service, keys)
    serving.server.infer(serving.spec.name, request_rows(rows))
    logged = _logged(serving)[-40:]
    looked_up = [f.name for f in serving.spec.features if f.origin in serving.spec.views]
    assert len(looked_up) == 13
    for ours, theirs in zip(logged, feast, strict=True):
        assert {n: ours["features"][n] for n in looked_up} == {n: theirs[n] for n in looked_up}


def test_what_is_pushed_is_served_at_once(serving: Serving) -> None:
    row = request_rows(requests_frame(1))[0]
    for temperature in (11.0, -3.5):
        weather, _ = entity_features()
        serving.store.push("airport_weather", weather.assign(temp=temperature))
        serving.server.infer(serving.spec.name, [row])
        assert _logged(serving)[-1]["features"]["temp"] == temperature
    serving.store.push("airport_weather", entity_features()[0])


def test_unknown_entities_and_stale_features_are_missing_and_counted(serving: Serving) -> None:
    row = request_rows(requests_frame(1))[0]
    before = {r: serving.settled("moebius_feature_missing_total", reason=r) for r in ("missing", "stale")}
    later = row | {"event_timestamp": row["event_timestamp"] + np.timedelta64(20, "h"), "tailnum": "N-unknown"}
    answer = serving.server.infer(serving.spec.name, [later])[0]
    assert 0 <= answer["probability"] <= 1
    record = _logged(serving)[-1]
    assert record["missing"] == ["airport_weather", "aircraft"]
    assert record["features"]["temp"] is None
    assert record["features"]["seats"] is None
    wait_until(
        lambda: (
            {r: serving.figure("moebius_feature_missing_total", reason=r) for r in before}
            == {r: v + 1 for r, v in before.items()}
        ),
        what="both reasons counted once",
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"distance": float("nan")}, "distance"),
        ({"event_timestamp": float("inf")}, "event_timestamp"),
        ({"carrier": b"\xff\xfe"}, "decode"),
    ],
)
def test_bad_values_are_refused_by_name_and_the_next_request_is_answered(
    serving: Serving, change: dict, says: str
) -> None:
    row = request_rows(requests_frame(1))[0]
    with pytest.raises(ServiceError, match=says):
        serving.server.infer(serving.spec.name, [row | change])
    assert serving.server.infer(serving.spec.name, [row])


@pytest.mark.parametrize(
    ("change", "says"), [({"origin": None}, r"lacks \['origin'\]"), ({"distance": "far"}, "distance")]
)
def test_rows_that_do_not_fit_the_request_are_refused_before_they_are_sent(
    serving: Serving, change: dict, says: str
) -> None:
    row = request_rows(requests_frame(1))[0]
    with pytest.raises(DataError, match=says):
        serving.server.infer(serving.spec.name, [row | change])


def test_malformed_requests_never_hurt_the_server(serving: Serving) -> None:
    from tritonclient.grpc import InferenceServerClient, InferInput
    from tritonclient.utils import InferenceServerException

    def tensor(name: str, shape: list[int], kind: str, values: np.ndarray) -> InferInput:
        one = InferInput(name, shape, kind)
        one.set_data_from_numpy(values)
        return one

    row = request_rows(requests_frame(1))[0]
    good = serving.server.inputs([row])
    wide = tensor("distance", [1, 3], "FP32", np.zeros((1, 3), np.float32))
    wrong = tensor("distance", [1, 1], "INT64", np.zeros((1, 1), np.int64))
    uneven = tensor("distance", [2, 1], "FP32", np.zeros((2, 1), np.float32))
    rest = [t for t in good if t.name() != "distance"]
    batches = [
        rest,
        [*rest, wide],
        [*rest, wrong],
        [*rest, uneven],
        [*good, tensor("more", [1, 1], "INT64", np.zeros((1, 1), np.int64))],
    ]
    with InferenceServerClient(serving.settings.triton_grpc) as client:
        for inputs in batches:
            with pytest.raises(InferenceServerException):
                client.infer(serving.spec.name, inputs, client_timeout=10)
        with pytest.raises(InferenceServerException, match="batch-size"):
            client.infer(serving.spec.name, serving.server.inputs(request_rows(requests_frame(65))))
    assert serving.server.infer(serving.spec.name, [row])


def test_swaps_under_load_lose_and_confuse_nothing(serving: Serving) -> None:
    names = sorted(serving.models)
    begun = time.monotonic()
    with Load(serving) as load:
        for turn in range(6):
            serving.serve(names[turn % 2])
            seen = len(load.answers)
            wait_until(lambda seen=seen: len(load.answers) > seen + 60, what="traffic")
        state = rollout.read(serving.rollout_file)
        other = next(n for n in names if n != state.champion)
        serving.switch(rollout.shift(state, other, 0.3, lease_until=time.time() + 60))
        split_from = len(load.answers)
        wait_until(lambda: len(load.answers) > split_from + 600, what="traffic")
        split_to = len(load.answers)
        serving.switch(rollout.abort(rollout.read(serving.rollout_file), "test over"))
    rate = len(load.answers) / (time.monotonic() - begun)
    shares = Counter(a["release"] for _, a in load.answers[split_from:split_to])
    assert load.failures == []
    assert load.wrong() == 0
    assert rate >= 50
    assert 0.2 < shares[other] / shares.total() < 0.4
    assert np.quantile(load.seconds, 0.99) < 0.1


@pytest.mark.parametrize("damage", ["truncated", "other_model", "no_file"])
def test_a_release_that_is_damaged_does_not_serve_and_the_old_one_does(serving: Serving, damage: str) -> None:
    before = serving.serve(sorted(serving.models)[0])
    bad = serving.release(2)
    onnx = serving.settings.releases / serving.spec.name / bad.name / "model.onnx"
    if damage == "truncated":
        onnx.write_bytes(onnx.read_bytes()[:-100])
    elif damage == "other_model":
        onnx.write_bytes((onnx.parents[1] / sorted(serving.models)[0] / "model.onnx").read_bytes())
    else:
        onnx.unlink()
    errors = serving.figure("moebius_rollout_errors_total")
    rollout.write(serving.rollout_file, rollout.promote(before, bad.name))
    wait_until(lambda: serving.figure("moebius_rollout_errors_total") > errors, what="the error is counted")
    with pytest.raises(ServiceError, match=f"follows rollout generation {before.generation}"):
        rollout.confirm(serving.generation, before.generation + 1, 0.5)
    answer = serving.server.infer(serving.spec.name, request_rows(requests_frame(1)))[0]
    assert answer["release"] == before.champion
    serving.models.pop(bad.name)
    serving.serve(before.champion)


def test_a_rollout_state_that_is_no_json_changes_nothing(serving: Serving) -> None:
    good = serving.rollout_file.read_text()
    errors = serving.figure("moebius_rollout_errors_total")
    write_atomically(serving.rollout_file, good[:20])
    wait_until(lambda: serving.figure("moebius_rollout_errors_total") > errors, what="the error is counted")
    assert serving.server.infer(serving.spec.name, request_rows(requests_frame(1)))[0]["release"]
    write_atomically(serving.rollout_file, good)
    counted = serving.figure("moebius_rollout_errors_total")
    assert serving.generation() == json.loads(good)["generation"]
    assert counted >= errors + 1


def test_figures_count_every_row_and_private_models_none(serving: Serving) -> None:
    champion = rollout.read(serving.rollout_file).champion
    before = serving.settled("moebius_requests_total", release=champion, outcome="ok")
    serving.server.infer(serving.spec.name, request_rows(requests_frame(17)))
    private = f"{serving.spec.name}--{champion}"
    serving.write_model(serving.settings.staging / "private", pinned=champion)
    serving.server.install(private, serving.settings.staging / "private")
    serving.server.load(private)
    assert serving.server.infer(private, request_rows(requests_frame(5)))[0]["release"] == champion
    assert serving.settled("moebius_requests_total", release=champion, outcome="ok") == before + 17
    assert serving.figure("moebius_latency_seconds_bucket", release=champion, le="+Inf") == serving.figure(
        "moebius_latency_seconds_count", release=champion
    )
    serving.server.remove(private)
    assert not (serving.settings.triton_repository / private).exists()
    assert serving.server.infer(serving.spec.name, request_rows(requests_frame(1)))


def test_an_incomplete_model_directory_is_not_installed(serving: Serving) -> None:
    directory = serving.settings.staging / "incomplete"
    (directory / "1").mkdir(parents=True)
    with pytest.raises(DeploymentError, match=r"lacks \['config.pbtxt', '1/model.py'\]"):
        serving.server.install("incomplete", directory)
    with pytest.raises(DeploymentError, match="did not load"):
        serving.server.load("incomplete")


def _logged(serving: Serving) -> list[dict]:
    files = (serving.settings.prediction_spool / serving.spec.name).glob("*.jsonl")
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_a_killed_server_leaves_no_process_and_no_record_behind(bare_serving: Serving) -> None:
    bare_serving.fill_online_store()
    release = bare_serving.release(1)
    bare_serving.start()
    bare_serving.install()
    bare_serving.serve(release.name)
    rows = request_rows(requests_frame(50))
    asked = {a["request_id"] for _ in range(4) for a in bare_serving.server.infer(bare_serving.spec.name, rows)}
    stubs = bare_serving.supervisor.process("triton").children(recursive=True)
    assert stubs
    bare_serving.kill()
    assert asked == {r["request_id"] for r in _logged(bare_serving)}
    wait_until(lambda: not any(p.is_running() for p in stubs), what="the stubs end by themselves")
    bare_serving.start()
    wait_until(lambda: bare_serving.server.model_ready(bare_serving.spec.name), what="the stable name is back")
    assert bare_serving.server.infer(bare_serving.spec.name, rows[:1])[0]["release"] == release.name


@pytest.fixture
def redis_serving(tmp_path: Path) -> Iterator[tuple[Serving, ExitStack]]:
    """A server whose features are in Redis, and the stack that stops that Redis."""
    with ExitStack() as redis:
        settings = redis.enter_context(running_redis(tmp_path))
        serving = Serving(tmp_path, online_store="redis", redis_port=settings.redis_port)
        serving.fill_online_store()
        first = serving.release(1)
        serving.start()
        try:
            serving.install()
            serving.serve(first.name)
            yield serving, redis
        finally:
            serving.server.close()
            serving.stop()


def test_features_are_served_from_redis_and_its_absence_is_counted(redis_serving: tuple[Serving, ExitStack]) -> None:
    serving, redis = redis_serving
    rows = request_rows(requests_frame(8, seed=6))
    asked = requests_frame(8, seed=6)[["origin", "tailnum"]]
    keys = asked.assign(tailnum=asked["tailnum"].map(stored)).to_dict("records")
    feast = serving.store.online(serving.spec.feature_service, keys)
    serving.server.infer(serving.spec.name, rows)
    for ours, theirs in zip(_logged(serving)[-8:], feast, strict=True):
        assert {n: ours["features"][n] for n in theirs} == theirs
        assert not ours["missing"]
    redis.close()
    assert len(serving.server.infer(serving.spec.name, rows)) == 8
    assert _logged(serving)[-1]["missing"] == serving.spec.views
    counted = {"moebius_feature_lookups_total": {}, "moebius_feature_missing_total": {"reason": "unavailable"}}
    expected = [16 * len(serving.spec.views), 8 * len(serving.spec.views)]
    wait_until(lambda: [serving.figure(name, **labels) for name, labels in counted.items()] == expected)
