"""The fused pipeline on the real server: right answers, swaps without a failure, bad requests, bad releases."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np
import pytest

from include.deployment import release, rollout
from include.errors import DataError, DeploymentError, ServiceError
from include.formats import state_file
from include.formats.atomic_file import write_atomically
from tests.integration.pipeline_fixtures import (
    SPEC,
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
    state = serving.rollout_state()
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
    later["sched_arr_minute"] = row["sched_dep_minute"]  # no duration, so no speed
    answer = serving.server.infer(serving.spec.name, [later])[0]
    assert 0 <= answer["probability"] <= 1
    record = _logged(serving)[-1]
    assert record["missing"] == ["airport_weather", "aircraft"]
    assert record["features"]["temp"] is None
    assert record["features"]["seats"] is None
    assert record["features"]["scheduled_speed"] is None, "JSON has no NaN"
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
    ("change", "says"),
    [({"distance": "far"}, "distance"), ({"distance": "5"}, "distance"), ({"distance": True}, "distance")],
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
    with Load(serving) as load:
        for turn in range(6):
            serving.serve(names[turn % 2])
            seen = len(load.answers)
            wait_until(lambda seen=seen: len(load.answers) > seen + 60, what="traffic")
        state = serving.rollout_state()
        other = next(n for n in names if n != state.champion)
        serving.switch(rollout.shift(state, other, 0.3, lease=3600))
        split_from = len(load.answers)
        wait_until(lambda: len(load.answers) > split_from + 600, what="traffic")
        split_to = len(load.answers)
        serving.switch(rollout.abort(serving.rollout_state(), "test over"))
    shares = Counter(a["release"] for _, a in load.answers[split_from:split_to])
    assert load.failures == []
    assert load.wrong() == 0
    assert 0.2 < shares[other] / shares.total() < 0.4


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
    rollout.write(serving.state, rollout.promote(before, bad.name))
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
    champion = serving.rollout_state().champion
    before = serving.settled("moebius_requests_total", release=champion, outcome="ok")
    serving.server.infer(serving.spec.name, request_rows(requests_frame(17)))
    private = f"{serving.spec.name}--{champion}"
    serving.write_model(serving.settings.staging / "private", pinned=champion)
    serving.server.install(private, serving.settings.staging / "private")
    serving.server.load(private)
    assert serving.server.infer(private, request_rows(requests_frame(5)))[0]["release"] == champion
    serving.wait_for("moebius_requests_total", before + 17, release=champion, outcome="ok")
    serving.wait_for("moebius_latency_rows_total", before + 17, release=champion, bound="+Inf")
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
    files = sorted((serving.settings.prediction_spool / serving.spec.name).glob("*.jsonl"))  # a file each day
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
    wait_until(lambda: not any(p.is_running() for p in stubs), 40, "the stubs end by themselves")
    bare_serving.start()
    wait_until(lambda: bare_serving.server.model_ready(bare_serving.spec.name), what="the stable name is back")
    assert bare_serving.server.infer(bare_serving.spec.name, rows[:1])[0]["release"] == release.name


@pytest.fixture
def redis_serving(tmp_path: Path) -> Iterator[tuple[Serving, ExitStack]]:
    """A server whose features are in Redis, and the stack that stops that Redis."""
    with ExitStack() as redis:
        settings = redis.enter_context(running_redis(tmp_path))
        serving = Serving(tmp_path, online_store="redis", redis_port=settings.redis_port, online_timeout=30)
        serving.fill_online_store()
        with serving.answering(serving.release(1).name):
            yield serving, redis


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
    assert (_logged(serving)[-1]["missing"], _logged(serving)[-1]["unavailable"]) == ([], serving.spec.views)
    counted = {"moebius_feature_lookups_total": {}, "moebius_feature_missing_total": {"reason": "unavailable"}}
    expected = [16 * len(serving.spec.views), 8 * len(serving.spec.views)]
    wait_until(lambda: [serving.figure(name, **labels) for name, labels in counted.items()] == expected)


def _with_policy(home: Path, **policies: str) -> Serving:
    views = {n: v.model_copy(update={"when_missing": policies[n]}) for n, v in SPEC.feature_views.items()}
    return Serving(home, SPEC.model_copy(update={"feature_views": views}))


@pytest.fixture(scope="module")
def strict_serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that refuses without the weather, and falls back without the plane."""
    serving = _with_policy(tmp_path_factory.mktemp("strict"), airport_weather="reject", aircraft="fall_back")
    serving.fill_online_store()
    with serving.answering(serving.release(1).name):
        yield serving


def test_without_features_a_row_is_refused_or_gets_the_constant_as_its_view_says(strict_serving: Serving) -> None:
    serving, frame = strict_serving, requests_frame(3, seed=3)
    name = sorted(serving.models)[0]
    rows = request_rows(frame)
    unknown = rows[1] | {"tailnum": "N-unknown"}
    answers = serving.server.infer(serving.spec.name, [rows[0], unknown, rows[2]])
    expected = serving.models[name].predict(frame)
    constant = release.manifest(serving.settings.releases / serving.spec.name / name)["fallback_scores"][0]
    assert [a["fallback"] for a in answers] == [False, True, False]
    assert [a["probability"] for a in answers] == pytest.approx([expected[0], constant, expected[2]], abs=1e-5)
    assert [r.get("fallback", False) for r in _logged(serving)[-3:]] == [False, True, False]
    stale = rows[0] | {"event_timestamp": rows[0]["event_timestamp"] + np.timedelta64(20, "h")}
    with pytest.raises(ServiceError, match=f"features that release {name} needs .*'airport_weather': {{'stale': 1}}"):
        serving.server.infer(serving.spec.name, [stale])
    for policy in ("reject", "fall_back"):
        serving.wait_for("moebius_missing_policy_total", 1, policy=policy)
    serving.wait_for("moebius_requests_total", 1, release=name, outcome="lookup")
    serving.wait_for("moebius_feature_missing_total", 1, view="airport_weather", reason="stale")
    serving.wait_for("moebius_feature_lookups_total", 4, view="aircraft")


def test_a_refused_row_does_not_take_its_neighbours_down(strict_serving: Serving) -> None:
    rows = request_rows(requests_frame(40, seed=4))
    later = {"event_timestamp": rows[0]["event_timestamp"] + np.timedelta64(20, "h")}

    def ask(i: int) -> str:
        try:
            return strict_serving.server.infer(strict_serving.spec.name, [rows[i] | (later if i % 4 == 0 else {})])[0][
                "release"
            ]
        except ServiceError:
            return "refused"

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(40)))
    assert [a == "refused" for a in answers] == [i % 4 == 0 for i in range(40)]


def _state(serving: Serving, **changes: object) -> None:
    """The next rollout state, with keys that the router knows."""
    state = json.loads(state_file.read(serving.rollout_file))
    generation = state["generation"] + 1
    state_file.write(serving.rollout_file, json.dumps(state | {"generation": generation} | changes))
    rollout.confirm(serving.generation, generation, 120)


@pytest.fixture
def two_releases(serving: Serving) -> Iterator[tuple[str, str]]:
    """The champion and a challenger; afterwards the champion has everything again."""
    before = json.loads(state_file.read(serving.rollout_file))
    champion = before["champion"]
    yield champion, next(name for name in serving.models if name != champion)
    _state(serving, **{name: value for name, value in before.items() if name != "generation"})


def test_rows_of_one_request_meet_the_release_of_their_value(serving: Serving, two_releases: tuple[str, str]) -> None:
    champion, other = two_releases
    weights = {champion: 0.6, other: 0.4}
    _state(serving, weights=weights, sticky_by="tailnum", salt=other)
    frame = requests_frame(60, seed=9)
    rows = request_rows(frame)
    together = serving.server.infer(serving.spec.name, rows)
    alone = [serving.server.infer(serving.spec.name, [row])[0] for row in rows]
    by_tail = dict(zip(frame["tailnum"], (a["release"] for a in together), strict=True))
    assert set(by_tail.values()) == {champion, other}
    for answers in (together, alone):
        assert [a["release"] for a in answers] == frame["tailnum"].map(by_tail).tolist()
        for i, answer in enumerate(answers):
            expected = serving.models[answer["release"]].predict(frame.iloc[[i]])[0]
            assert answer["probability"] == pytest.approx(expected, abs=1e-5)


def test_a_shadow_is_compared_and_counted_and_never_answers(serving: Serving, two_releases: tuple[str, str]) -> None:
    champion, other = two_releases
    _state(serving, weights={champion: 1.0}, strategy="shadow", shadow={"release": other, "share": 1.0})
    frame = requests_frame(50, seed=10)
    answers = serving.server.infer(serving.spec.name, request_rows(frame))
    assert {a["release"] for a in answers} == {champion}
    serving.wait_for("moebius_shadow_total", 50, release=other, outcome="ok")
    ours, theirs = (serving.models[name].predict(frame) for name in (champion, other))
    serving.wait_for("moebius_shadow_changed_total", ((ours >= 0.5) != (theirs >= 0.5)).sum(), release=other)
    serving.wait_for("moebius_shadow_latency_rows_total", 50, release=other, bound="+Inf")
    difference = serving.settled("moebius_shadow_difference_sum_total", release=other)
    assert difference == pytest.approx(np.abs(ours - theirs).sum(), rel=1e-4)
    assert serving.figure("moebius_shadow_total", release=other, outcome="dropped") == 0


def test_rest_answers_as_grpc_does(serving: Serving) -> None:
    frame = requests_frame(2, seed=12)
    kinds = {"string": "BYTES", "float": "FP32", "timestamp": "FP64"}
    rows = [{n: v.timestamp() if n == "event_timestamp" else v for n, v in row.items()} for row in request_rows(frame)]
    inputs = [
        {"name": name, "shape": [2, 1], "datatype": kinds[kind], "data": [row[name] for row in rows]}
        for name, kind in serving.spec.request.items()
    ]
    url = f"http://{serving.settings.triton_http}/v2/models/{serving.spec.name}/infer"
    answered = httpx.post(url, json={"inputs": inputs}, trust_env=False, timeout=60).raise_for_status().json()
    outputs = {output["name"]: output["data"] for output in answered["outputs"]}
    expected = serving.models[outputs["release"][0]].predict(frame)
    assert set(outputs) == {"prediction", "probability", "release", "request_id"}
    assert outputs["probability"] == pytest.approx(expected, abs=1e-5)
    assert outputs["prediction"] == [int(p >= 0.5) for p in expected]
    assert [r["request_id"] for r in _logged(serving)[-2:]] == outputs["request_id"]
    refused = httpx.post(url, json={"inputs": inputs[1:]}, trust_env=False, timeout=60)
    assert refused.status_code == 400
    assert "flight_id" in refused.text or "expected" in refused.text


def test_a_server_killed_under_load_has_logged_every_answer_it_gave(bare_serving: Serving) -> None:
    bare_serving.fill_online_store()
    champion = bare_serving.release(1)
    bare_serving.start()
    bare_serving.install()
    bare_serving.serve(champion.name)
    with Load(bare_serving, clients=8, pause=0.0) as load:
        wait_until(lambda: len(load.answers) > 500, what="500 answers")
        bare_serving.kill()
    answered, logged = {a["request_id"] for _, a in load.answers}, {r["request_id"] for r in _logged(bare_serving)}
    assert load.failures, "the server was killed while clients were asking"
    assert answered - logged == set()
    assert len(logged - answered) <= 8, "only what each client was waiting for may be logged and not answered"
