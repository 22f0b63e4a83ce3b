"""Several scrapes of the consumer at once: each gets the figures of every stream."""

import threading
from concurrent.futures import ThreadPoolExecutor

from prometheus_client import generate_latest

from include.adapters.stream_metrics import Reading, StreamMetrics

AT = ("flight_delay", "airport_weather")
SCRAPES = 8


def test_scrapes_at_once_all_get_the_figures() -> None:
    metrics, together = StreamMetrics(), threading.Barrier(SCRAPES)
    metrics.watch(AT, lambda: Reading(3, 0))

    def scrape(_: int) -> bool:
        together.wait()
        return all(b"moebius_stream_backlog" in generate_latest(metrics.registry) for _ in range(20))

    with ThreadPoolExecutor(SCRAPES) as pool:
        assert all(pool.map(scrape, range(SCRAPES)))
