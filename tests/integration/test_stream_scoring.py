"""Requests on a real Redis, answered by the real server: killed consumers lose and double nothing."""

import json
import multiprocessing
import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.adapters.event_stream import RedisEventStream
from include.adapters.stream_metrics import ScoringMetrics, StreamMetrics
from include.loop import dead_letters
from include.processes.scorer import Scorer
from include.services.composition import Services
from include.specification.data import ScoringSpec
from tests.integration.pipeline_fixtures import Serving, wait_until
from tests.integration.redis_fixtures import running_redis
from tests.integration.scoring_consumer import work
from tests.integration.test_serving_tasks import PRICE, price

pytestmark = pytest.mark.integration
SPEC = PRICE.model_copy(update={"scoring": ScoringSpec(stream="questions", batch=5)})
WITHIN = 1e-4
STRICT = """
def on_request(fields):
    if (fields["size"] > 1000).any():
        raise ValueError("a size above 1000 is no size")
    return {}
"""


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, pd.DataFrame]]:
    """A real server with a release of a regression, and a real Redis; the rows it may be asked."""
    home = tmp_path_factory.mktemp("scoring")
    with running_redis(home) as redis:
        fast = {"stream_batch": 20, "stream_claim_seconds": 0.5}
        serving = Serving(home, SPEC, redis_port=redis.redis_port, **fast)
        model, frame = price()
        serving.start()
        try:
            first = serving.package(model, 1, frame, on_request=STRICT)
            serving.install()
            serving.serve(first.name)
            yield serving, frame
        finally:
            serving.server.close()
            serving.stop()


@pytest.fixture
def stream(serving: tuple[Serving, pd.DataFrame]) -> Iterator[RedisEventStream]:
    stream = Services(serving[0].settings).adapters.scoring_stream(SPEC)
    stream._client.flushall()
    stream.open()
    yield stream
    stream.close()


def as_events(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame.assign(at=[moment.isoformat() for moment in frame["at"]]).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def test_killed_consumers_lose_and_double_no_result(
    serving: tuple[Serving, pd.DataFrame], stream: RedisEventStream
) -> None:
    server, frame = serving
    rows = pd.concat([frame] * 3, ignore_index=True)
    rows = rows.assign(row_id=[f"row{n}" for n in range(len(rows))])
    context, dice, killed = multiprocessing.get_context("forkserver"), random.Random(1), 0
    context.set_forkserver_preload(["include.streaming.scoring", work.__module__])

    def started() -> Any:
        process = context.Process(target=work, args=(SPEC, server.settings), daemon=True)
        process.start()
        return process

    running = [started(), started()]
    try:
        events = as_events(rows)
        for first in range(0, len(events), 150):
            stream.publish(events[first : first + 150])
            before = max(1, stream.backlog())  # all may be done by now
            wait_until(lambda b=before: stream.backlog() < b, 60, what="a consumer being at work")  # type: ignore[misc]
            victim = running.pop(dice.randrange(2))
            victim.kill()
            victim.join()
            killed += 1
            running.append(started())
        wait_until(lambda: stream.backlog() == 0, 60, "every request being done")
    finally:
        for process in running:
            process.kill()
            process.join()
    results = stream.results()
    assert killed == 6
    assert stream.dead_letters() == []
    assert Counter(one["id"] for one in results) == Counter(rows["row_id"])
    assert len({one["entry"] for one in results}) == len(rows)
    expected = pd.Series(server.models["r0001"].predict(rows), index=rows["row_id"])
    np.testing.assert_allclose(
        [one["prediction"] for one in results], expected[[one["id"] for one in results]], atol=WITHIN
    )
    assert {one["release"] for one in results} == {"r0001"}


def test_bad_requests_are_put_aside_with_the_reason_and_the_figures_say_so(
    serving: tuple[Serving, pd.DataFrame], stream: RedisEventStream
) -> None:
    server, frame = serving
    metrics, stop = StreamMetrics(), threading.Event()
    scorer = Scorer(SPEC, "questions", server.settings, ScoringMetrics(metrics.registry), stop)
    thread = threading.Thread(target=scorer.run)
    thread.start()
    try:
        good = as_events(frame.head(12))
        stream.publish([*good, {"row_id": "x"}, good[0] | {"row_id": "huge", "size": 5000.0}, {"size": "big"}])
        stream.await_done()
        wait_until(lambda: samples(metrics)["moebius_scoring_delay_seconds_count"] == 15, what="the last being counted")
        found = samples(metrics)
    finally:
        stop.set()
        thread.join()
        scorer._server.close()
    assert found["moebius_scoring_scored_total"] == len(stream.results()) == 12
    assert found["moebius_scoring_buried_total"] == found["moebius_scoring_dead_letters"] == 3
    assert found["moebius_scoring_backlog"] == found["moebius_scoring_failures_total"] == 0
    reasons = {json.loads(one.text).get("row_id"): one.reason for one in stream.dead_letters()}
    assert "ValueError: a size above 1000 is no size" in reasons["huge"]
    assert "row 0: request field 'at' is missing" in reasons["x"]
    assert stream._client.xinfo_consumers(stream._events, "scoring") == []
    assert dead_letters.settle(SPEC, Services(server.settings), "questions", "replay") == 3
    assert stream.backlog() == 3


def test_requests_wait_while_nothing_serves(tmp_path: Path, stream: RedisEventStream, serving: Any) -> None:
    server, frame = serving
    nobody = server.settings.model_copy(update={"triton_grpc_port": 1, "serving_timeout": 1.0})
    metrics, stop = StreamMetrics(), threading.Event()
    scorer = Scorer(SPEC, "questions", nobody, ScoringMetrics(metrics.registry), stop)
    thread = threading.Thread(target=scorer.run)
    thread.start()
    try:
        stream.publish(as_events(frame.head(3)))
        wait_until(lambda: samples(metrics)["moebius_scoring_failures_total"] >= 2, what="it having tried")
        assert (stream.backlog(), stream.results(), stream.dead_letters()) == (3, [], [])
    finally:
        stop.set()
        thread.join()
        scorer._server.close()


def samples(metrics: StreamMetrics) -> dict[str, float]:
    """Of a scrape that could read the stream: each waits a quarter of a second for it."""
    found: dict[str, float] = {}

    def complete() -> bool:
        found.clear()
        found.update({s.name: s.value for metric in metrics.registry.collect() for s in metric.samples})
        return found["moebius_scoring_up"] == 1

    wait_until(complete, what="a scrape that reads the stream")
    return found
