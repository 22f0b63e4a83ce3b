"""From the publication of an hour's events until their features are online, and events per second in a backlog.

A real Redis, the real consumer process, real weather; the peer of the lag is the bare push of ready feature rows.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pandas as pd

from include.adapters.event_stream import RedisEventStream
from include.contracts.period import Period
from include.demo.world import raw_events
from include.process_environment import inherited_environment
from include.services.composition import Services
from include.settings import ROOT, Settings
from include.specification.loader import load_usecase
from tests.integration.ports import free_port
from tests.integration.redis_fixtures import running_redis

SPEC, VIEW = load_usecase("flight_delay"), "airport_weather"
HOURS = 300
MONTHS = ("2013-02", "2013-03", "2013-04", "2013-05")


def bench() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as directory, running_redis(Path(directory)) as redis:
        settings = redis.model_copy(update={"stream_port": free_port()})
        services = Services(settings)
        services.adapters.feature_store.apply()
        stream = services.adapters.event_stream(SPEC, VIEW)
        with _consumer(settings):
            hours = list(_hours(services, "2013-01"))
            _timed(stream, [event for hour in hours[:24] for event in hour])  # fills the windows, warms it up
            lags = [_timed(stream, hour) for hour in hours[24 : 24 + HOURS]]
            rates = [_rate(services, stream, month) for month in MONTHS]
        pushes = _bare_pushes(services, stream)
    n = sum(map(len, hours[24 : 24 + HOURS]))
    what = "publication of an hour's 3 events until their features are online, consumer process, SQLite store"
    lag = {"against": {"bare_push": median(pushes)}, "unit": "s", "n": n, "samples": lags}
    p99 = {"against": {"bare_push": quantiles(pushes, n=100)[98]}, "unit": "s", "n": n, "samples": []}
    return [
        {"name": "stream_lag", "what": f"p50: {what}", "ours": median(lags), **lag},
        {"name": "stream_lag_p99", "what": f"p99: {what}", "ours": quantiles(lags, n=100)[98], **p99},
        {
            "name": "stream_throughput",
            "what": "events per second while a month's events lie on the stream, one consumer",
            "ours": median(rates),
            "against": {},
            "unit": "events/s",
            "n": len(MONTHS),
            "samples": rates,
        },
    ]


@contextmanager
def _consumer(settings: Settings) -> Iterator[None]:
    env = {**inherited_environment(), "PYTHONPATH": str(ROOT), **settings.variables()}
    process = subprocess.Popen([sys.executable, "-m", "include.processes.consumer"], env=env, cwd=ROOT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def _hours(services: Services, month: str) -> Iterator[list[dict[str, Any]]]:
    events = pd.DataFrame({"event": raw_events(SPEC, services, Period(month), VIEW)})
    for _, hour in events.groupby(events.event.str["time_hour"], sort=True):
        yield hour.event.tolist()


def _timed(stream: RedisEventStream, events: list[dict[str, Any]]) -> float:
    begun = time.perf_counter()
    stream.publish(events)
    stream.await_done()
    return time.perf_counter() - begun


def _rate(services: Services, stream: RedisEventStream, month: str) -> float:
    events = [event for hour in _hours(services, month) for event in hour]
    return len(events) / _timed(stream, events)


def _bare_pushes(services: Services, stream: RedisEventStream) -> list[float]:
    """Seconds per push of one hour's ready rows into the same store."""
    rows = pd.read_json("[" + ",".join(stream.pushed(Period("2013-06"))) + "]", orient="records")
    rows["event_timestamp"] = pd.to_datetime(rows.event_timestamp, utc=True) + pd.Timedelta(days=365)
    samples = []
    for _, hour in list(rows.groupby("event_timestamp")) * 100:
        begun = time.perf_counter()
        services.adapters.feature_store.push(VIEW, hour)
        samples.append(time.perf_counter() - begun)
    return samples[5:]
