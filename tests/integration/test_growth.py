"""Growth of counters on a real Prometheus: what a counter had before Prometheus met it is no traffic of this minute."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, start_http_server

from include.adapters.metrics_server import Prometheus
from include.deployment import judgement, shadow
from include.deployment.judgement import Arm
from include.errors import ServiceError
from include.specification.loader import load_usecase
from tests.integration.metrics_server_fixtures import wait_until
from tests.integration.ports import free_port

pytestmark = pytest.mark.integration
SPEC = load_usecase("flight_delay")
OLD, NEW = "r0001", "r0002"
LONG_LIVED = 50_000.0
BOUNDS = ("0.01", "1.0", "+Inf")


class Served:
    """Counters of a server that lives longer than the Prometheus that scrapes them."""

    def __init__(self, home: Path) -> None:
        self.home, self.port, self.url = home, free_port(), ""
        self._process: subprocess.Popen[bytes] | None = None
        self.begin(0.0)

    def begin(self, value: float) -> None:
        """A new server process: its counters begin at ``value``."""
        self.registry = CollectorRegistry()
        make = {"registry": self.registry}
        self.rows = Counter("moebius_requests", "rows", ["usecase", "release", "outcome"], **make)
        self.latency = Counter("moebius_latency_rows", "rows", ["usecase", "release", "bound"], **make)
        self.copies = Counter("moebius_shadow", "rows", ["usecase", "release", "outcome"], **make)
        self.answer(value)
        self._server, self._thread = start_http_server(self.port, addr="127.0.0.1", registry=self.registry)

    def answer(self, rows: float) -> None:
        for release in (OLD, NEW):
            for counter in (self.rows, self.copies):
                counter.labels(SPEC.name, release, "ok").inc(rows)
                counter.labels(SPEC.name, release, "error").inc(0)
            self.rows.labels(SPEC.name, release, "model").inc(0)
            for bound in BOUNDS:
                self.latency.labels(SPEC.name, release, bound).inc(rows)

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def watch(self, every: int = 1) -> Prometheus:
        """Start Prometheus, or start it again on what it stored."""
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        job = f"{{job_name: triton, static_configs: [{{targets: ['127.0.0.1:{self.port}']}}]}}"
        text = f"global: {{scrape_interval: {every}s, scrape_timeout: {every}s}}\nscrape_configs: [{job}]\n"
        (self.home / "prometheus.yml").write_text(text)
        argv = ["prometheus", f"--config.file={self.home}/prometheus.yml", f"--storage.tsdb.path={self.home}/data"]
        self._process = subprocess.Popen([*argv, f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
        return Prometheus(self.url)

    def look_away(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(60)
            self._process = None


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    world = Served(tmp_path)
    yield world
    world.look_away()
    world.end()


def arm(server: Prometheus, seconds: float) -> Arm:
    return judgement.observe(SPEC, server, (OLD, NEW), seconds)[NEW]


def scraped(server: Prometheus, times: int, seconds: int = 60) -> Callable[[], bool]:
    """Whether the counters were met so many times in the last seconds."""

    def enough() -> bool:
        try:
            met = server.query(f'min(count_over_time(moebius_requests_total{{release="{NEW}"}}[{seconds}s]))')
        except ServiceError:  # Prometheus starts
            return False
        return bool(met) and met[0][1] >= times

    return enough


def test_the_first_scrape_of_a_long_lived_counter_is_no_growth(served: Served) -> None:
    served.answer(LONG_LIVED)
    server = served.watch()
    wait_until(scraped(server, 3), "three scrapes")
    met = arm(server, 60)
    assert (met.measured, met.answered, met.p99_ms) == (True, 0.0, None)
    assert not judgement.judge(SPEC, server, OLD, NEW, 60).enough
    copied = shadow.judge(SPEC, server, OLD, NEW, 60)
    assert (copied.requests, copied.p99_ms) == ({NEW: 0.0}, {NEW: None})
    served.answer(10)
    wait_until(lambda: arm(server, 60).p99_ms is not None, "the growth of what is counted last")
    met = arm(server, 60)
    assert met.answered == pytest.approx(10, rel=0.7)
    assert met.p99_ms == pytest.approx(10, rel=0.05), "all of them within the bound of 0.01 s"


def test_a_scrape_while_counts_are_handed_on_makes_no_row_slow(served: Served) -> None:
    """The window begins with a scrape that has rows within the lowest bound and not yet within the others."""

    def within(bound: str) -> tuple[float, float]:
        of = f'moebius_latency_rows_total{{release="{NEW}",bound="{bound}"}}'
        return server.query(of)[0][1], server.query(f"timestamp({of})")[0][1]

    served.answer(100)
    server = served.watch(every=3)
    wait_until(scraped(server, 4), "four scrapes")
    served.latency.labels(SPEC.name, NEW, "0.01").inc(10)
    wait_until(lambda: within("0.01")[0] == 110, "the scrape between")
    since = within("0.01")[1]
    for bound in BOUNDS[1:]:
        served.latency.labels(SPEC.name, NEW, bound).inc(10)
    served.answer(90)
    wait_until(lambda: within("+Inf")[0] == 200, "the scrape afterwards")
    wait_until(lambda: within("+Inf")[1] >= since + 6, "another one")
    seconds = time.time() - since + 1.5  # it is asked a little later; the scrape before was 3 s earlier
    of = {"usecase": SPEC.name, "release": NEW}
    one_window = judgement.p99_in(f"[{judgement.window_of(seconds)}]", "moebius_latency_rows_total", of)
    assert server.query(one_window)[0][1] > 100, "it is as if 10 rows had taken up to a second"
    assert arm(server, seconds).p99_ms == pytest.approx(10, rel=0.05)


def test_a_counter_that_was_met_once_has_no_figures_yet(served: Served) -> None:
    served.answer(LONG_LIVED)
    server = served.watch(every=15)
    wait_until(scraped(server, 1), "the first scrape")
    served.end()  # there is no second one, however long the questions take
    assert not arm(server, 60).measured
    found = judgement.judge(SPEC, server, OLD, NEW, 60)
    assert (found.enough, found.passed, found.breaches) == (False, False, [])
    assert "no data of r0002 yet" in found.reason


def test_what_a_counter_grew_while_prometheus_was_away_is_not_of_this_step(served: Served) -> None:
    server = served.watch()
    wait_until(scraped(server, 3), "three scrapes")
    served.look_away()
    served.answer(LONG_LIVED)
    begun = time.monotonic()  # the step begins after the gap
    server = served.watch()
    wait_until(scraped(server, 2, 3), "two scrapes after the gap")
    assert arm(server, min(3, time.monotonic() - begun)).answered == 0


def test_a_counter_that_begins_again_is_neither_negative_nor_the_old_growth_again(served: Served) -> None:
    served.answer(LONG_LIVED)
    server = served.watch()
    wait_until(scraped(server, 3), "three scrapes")
    served.end()
    served.begin(7)
    wait_until(lambda: arm(server, 60).answered > 0, "the growth after the restart")
    assert arm(server, 60).answered == pytest.approx(7, rel=0.7)
