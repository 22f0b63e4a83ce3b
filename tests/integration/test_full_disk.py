"""A platform whose state root is a disk that fills to the last byte while clients ask, and is freed again."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from include.adapters import redis_server
from include.adapters.event_stream import RedisEventStream
from include.errors import ServiceError
from include.loop import monitoring
from include.platform.servers import service
from include.platform.topology import instances_of, keeper_file
from include.records.registry import LOST_ANSWERS
from include.services.composition import Services
from tests.integration.pipeline_fixtures import Load, Serving, wait_until
from tests.integration.ports import free_ports
from tests.integration.small_disk_fixtures import SmallDisk, mounted

pytestmark = pytest.mark.integration
WATCHERS = ("exporter", "consumer", "keeper")
VIEW = "airport_weather"


class Platform:
    """Model server with spool and online store, Redis, exporter, consumer and keeper, all on one small disk."""

    def __init__(self, disk: SmallDisk) -> None:
        ports = dict(zip(("redis_port", "exporter_port", "stream_port"), free_ports(3), strict=True))
        self.disk = disk
        self.serving = Serving(disk.path, online_store="redis", **ports)
        self.settings, self.supervisor = self.serving.settings, self.serving.supervisor
        self.services = Services(self.settings)

    def start(self, *names: str) -> None:
        for name in names:
            self.supervisor.start(service(instances_of(name, self.settings)[0]))

    def stop(self, *names: str) -> None:
        for name in names:
            self.supervisor.stop(name)

    def processes(self) -> dict[str, psutil.Process | None]:
        return {name: self.supervisor.process(name) for name in ("triton", "redis", *WATCHERS)}

    def logged(self) -> tuple[set[str], int]:
        """Ids in the log, and how many answers it says that it lacks. Every line is whole."""
        files = (self.settings.prediction_spool / self.serving.spec.name).glob("*.jsonl")
        records = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        lost = sum(of["rows"] for record in records if "gap" in record for of in record["gap"]["lost"])
        return {record["request_id"] for record in records if "gap" not in record}, lost

    def unsaid(self, answered: set[str]) -> int:
        """Answers that are neither in the log nor counted by it."""
        ids, lost = self.logged()
        return max(0, len(answered - ids) - lost)

    def told(self, metric: str) -> list[str]:
        """Lines of the exporter about a metric of this disk."""
        address = f"http://{self.settings.host}:{self.settings.exporter_port}/metrics"
        text = httpx.get(address, trust_env=False, timeout=60).text
        lines = (line for line in text.splitlines() if line.startswith(metric))
        return [line for line in lines if f'mount="{self.disk.path}"' in line]

    def alive(self) -> float:
        """When the keeper gave its last sign of life."""
        return keeper_file(self.settings).stat().st_mtime


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with mounted(tmp_path / "home", "96m") as disk:
        running = Platform(disk)
        redis_server.directory(running.settings).mkdir(parents=True)
        running.start("redis")
        try:
            running.serving.fill_online_store()
            with running.serving.answering(running.serving.release(1).name):
                starts = [threading.Thread(target=running.start, args=(name,)) for name in WATCHERS]
                for one in starts:
                    one.start()
                for one in starts:
                    one.join()
                yield running
        finally:
            running.stop(*reversed(WATCHERS), "redis")


@pytest.mark.full
def test_a_full_disk_fails_no_answer_and_all_goes_on_once_there_is_space(platform: Platform) -> None:
    serving, spec = platform.serving, platform.serving.spec
    stream = RedisEventStream(platform.settings.redis_address, spec.name, VIEW, 1000)
    before = platform.processes()
    assert all(before.values())
    with Load(serving) as load:
        wait_until(lambda: len(load.answers) > 50, what="answers")
        with platform.disk.full():
            asked, alive = len(load.answers), platform.alive()
            wait_until(lambda: len(load.answers) > asked + 200, what="answers on a full disk")
            wait_until(lambda: serving.figure("moebius_log_errors_total") > 100, what="what is lost being counted")
            wait_until(
                lambda: platform.told("moebius_disk_free_bytes")[0].endswith(" 0.0"), what="the disk being watched"
            )
            wait_until(lambda: platform.alive() > alive, what="a sign of life of the keeper")
            refused = _published(stream)
        asked = len(load.answers)
        wait_until(lambda: len(load.answers) > asked + 100, what="answers afterwards")
    answered = {answer["request_id"] for _, answer in load.answers}
    assert (load.failures, load.wrong()) == ([], 0)
    wait_until(lambda: not platform.unsaid(answered), what="the gap being said")
    ids, lost = platform.logged()
    assert lost == serving.settled("moebius_log_errors_total") > 0
    assert len(ids) + lost == serving.settled("moebius_requests_total", outcome="ok")
    assert len(answered - ids) <= lost
    assert platform.processes() == before, "nobody died"
    monitoring.ship_predictions(spec, platform.services)
    kept = LOST_ANSWERS.read(spec.name, platform.services.adapters.lake)
    assert sum(gap.rows for gap in kept) == lost
    assert refused is None or "space" in refused or "MISCONF" in refused
    wait_until(lambda: _published(stream) is None, what="events being taken again")
    wait_until(lambda: stream.backlog() == 0, 120, "the consumer being at work")
    stream.close()


def _published(stream: RedisEventStream) -> str | None:
    """Why an event was not taken."""
    try:
        stream.publish([{"origin": "EWR"}], patience=0.2)
    except ServiceError as error:
        return str(error)
    return None
