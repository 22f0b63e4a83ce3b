"""Alerts on the running platform: healthy it raises none, and each fault of a real server or process raises its own."""

import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from include.adapters.event_stream import RedisEventStream
from include.errors import ServiceError
from include.formats import state_file
from include.gateway import clients
from include.operations.alerts.platform_alerts import JOBS, UP
from include.platform.processes import send
from include.platform.servers import service
from include.platform.topology import instances_of, model_processes
from include.services.composition import Services
from include.specification.loader import load_usecase, usecase_names
from tests.integration.alert_fixtures import Alerts, watching
from tests.integration.gateway_fixtures import as_json, require_haproxy
from tests.integration.metrics_server_fixtures import wait_until
from tests.integration.pipeline_fixtures import Serving, request_rows, requests_frame
from tests.integration.ports import free_ports
from tests.integration.test_instances import processes
from tests.integration.test_rollout import FAILS_ON_LONG_FLIGHTS

pytestmark = pytest.mark.integration
PORTS = (
    "redis_port", "exporter_port", "stream_port", "prometheus_port", "gateway_port", "gateway_metrics_port",
    "gateway_inner_port", "facade_port",
)  # fmt: skip
PARTS = ("redis", "triton", "exporter", "consumer", "facade", "gateway", "keeper")
FORECASTS = load_usecase("weather_forecast")
STREAMS = [view for name in usecase_names() for view in load_usecase(name).event_streams]


class Running(Serving):
    """The services that Prometheus scrapes, their keeper, and what fires on them."""

    alerts: Alerts
    key: str

    def begin(self, *names: str) -> None:
        for name in names:
            self.supervisor.start(service(instances_of(name, self.settings)[0]))

    def end(self, *names: str) -> None:
        for name in names:
            self.supervisor.stop(name)

    @contextmanager
    def without(self, *names: str) -> Iterator[None]:
        """These services are stopped, until the block ends."""
        self.end(*names)
        try:
            yield
        finally:
            self.begin(*names)

    def ask(self, times: int = 1, **changes: object) -> int:
        """Ask with good rows, changed like this; returns how many requests failed."""
        failed = 0
        for row in request_rows(requests_frame(times, seed=5)):
            try:
                self.server.infer(self.spec.name, [row | changes])
            except ServiceError:
                failed += 1
        return failed

    def ask_until(self, alert: str, **changes: object) -> dict[str, str]:
        """Ask until the alert fires: a fault shows in the growth of counters."""

        def firing() -> list[dict[str, str]]:
            self.ask(3, **changes)
            return self.alerts.firing(alert)

        return wait_until(firing, f"{alert} firing", 90)[0]

    def stream(self, usecase: str, view: str) -> RedisEventStream:
        return RedisEventStream(self.settings.redis_address, usecase, view, self.settings.stream_backlog)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    require_haproxy()
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    world = Running(tmp_path_factory.mktemp("run"), online_store="redis", stream_claim_seconds=1.0, **ports)
    world.key = clients.add(world.settings.gateway_clients, "shop", {"rate": 100_000}, usecase_names())
    try:
        world.begin("redis")
        world.fill_online_store()
        first = world.release(1)
        world.begin("triton")
        world.install()
        world.serve(first.name)
        world.begin("exporter", "consumer", "facade", "gateway", "keeper")
        with watching(world.settings, gateway=True) as world.alerts:
            yield world
    finally:
        world.end(*reversed(PARTS))
        world.server.close()
        world.stop()


def test_the_healthy_platform_raises_nothing(running: Running) -> None:
    series = "|".join(["up", "moebius_stream_up", "moebius_scoring_up", *UP])
    told = len(JOBS) + len(UP) + len(STREAMS)
    wait_until(
        lambda: running.alerts.value(f'sum({{__name__=~"{series}"}})') == told, "every scrape and every record", 90
    )  # fmt: skip
    begun = time.time()
    wait_until(
        lambda: running.ask(5) == 0 and not running.alerts.firing() and running.alerts.now() > begun + 8,
        "rounds without an alert", 60,
    )  # fmt: skip

    def health() -> set[str]:
        groups = running.alerts.server._get("/api/v1/rules", {})["groups"]
        return {rule["health"] for group in groups for rule in group["rules"]}

    wait_until(lambda: health() == {"ok"}, "every rule being evaluated")
    wait_until(lambda: not running.alerts.server.query("ALERTS"), "a round in which none is pending either")


@pytest.mark.fires("MoebiusBadRequests")
def test_bad_requests_are_the_clients_fault_and_no_serving_error(running: Running) -> None:
    assert running.ask(3, distance=float("inf")) == 3
    assert running.ask_until("MoebiusBadRequests", distance=float("inf"))["severity"] == "look"
    assert not running.alerts.firing("MoebiusServingErrors")
    assert not running.alerts.firing("MoebiusUnansweredRequests")


@pytest.mark.fires("MoebiusServingErrors")
def test_an_error_that_our_code_answers_is_a_failure(running: Running) -> None:
    """To the model server these requests are successes."""
    broken = running.release(2, on_request=FAILS_ON_LONG_FLIGHTS)
    running.serve(broken.name)
    found = running.ask_until("MoebiusServingErrors", distance=99.0)
    assert (found["usecase"], found["severity"]) == (running.spec.name, "repair")
    assert running.figure("nv_inference_request_failure", model=running.spec.name) == 0

    def told() -> list[str]:
        running.ask(1, distance=99.0)
        return [a.name for a in running.alerts.server.alerts(running.spec.name)]

    # a scrape that takes too long raises others for a moment
    wait_until(lambda: told() == ["MoebiusServingErrors"], "no other alert for the retrain trigger")
    running.serve("r0001")


@pytest.mark.fires("MoebiusRolloutStateUnusable")
def test_a_rollout_state_that_cannot_be_used_is_said(running: Running) -> None:
    good = running.rollout_file.read_text()
    running.rollout_file.write_text("{}")
    running.alerts.wait_for("MoebiusRolloutStateUnusable")
    assert running.ask(2) == 0, "the last good one is followed"
    running.rollout_file.write_text(good)


@pytest.mark.fires("MoebiusPredictionsNotLogged")
def test_answers_that_are_not_logged_are_said(running: Running) -> None:
    running.server.unload(running.spec.name)
    running.server.load(running.spec.name)
    spool = running.settings.prediction_spool / running.spec.name
    shutil.rmtree(spool, ignore_errors=True)  # alone it would be made anew
    spool.parent.mkdir(parents=True, exist_ok=True)
    spool.touch()
    assert running.ask(2) == 0, "an answer that cannot be logged is an answer"
    running.ask_until("MoebiusPredictionsNotLogged")
    spool.unlink()
    wait_until(spool.is_dir, "the log, made anew")


@pytest.mark.fires("MoebiusDeadLetters")
def test_an_event_that_became_a_dead_letter_is_said(running: Running) -> None:
    stream = running.stream("flight_delay", "airport_weather")
    stream.publish([{"origin": "EWR"}])
    found = running.alerts.wait_for("MoebiusDeadLetters")
    assert (found["usecase"], found["view"]) == ("flight_delay", "airport_weather")
    stream._client.delete(stream._dead)
    running.alerts.wait_for_the_end_of("MoebiusDeadLetters")
    stream.close()


@pytest.mark.fires("MoebiusStreamStuck", "MoebiusStreamLag")
def test_requests_on_a_stream_that_nobody_can_answer_wait_and_are_said(running: Running) -> None:
    """No release of this use case serves, so the consumer waits."""
    stream = Services(running.settings).adapters.scoring_stream(FORECASTS)
    stream.publish([{"origin": "EWR"}] * 1100)
    assert running.alerts.wait_for("MoebiusStreamStuck")["usecase"] == FORECASTS.name
    assert running.alerts.wait_for("MoebiusStreamLag")["usecase"] == FORECASTS.name
    wait_until(
        lambda: {labels["usecase"] for labels in running.alerts.firing("MoebiusStreamStuck")} == {FORECASTS.name},
        "no other stream being stuck",
    )
    stream._client.delete(stream._events)
    stream.open()
    running.alerts.wait_for_the_end_of("MoebiusStreamLag")
    stream.close()


@pytest.mark.fires("MoebiusLookupsFail", "MoebiusStreamUnread")
def test_a_store_that_is_away_is_said_by_lookups_and_streams(running: Running) -> None:
    with running.without("redis"):
        found = running.ask_until("MoebiusLookupsFail")
        assert (found["usecase"], found["view"] in running.spec.feature_views) == (running.spec.name, True)
        wait_until(
            lambda: bool(running.alerts.firing("MoebiusStreamUnread", usecase="flight_delay"))
            and not running.alerts.firing("MoebiusConsumerDown"),
            "a consumer that answers, and says what it cannot read", 60,
        )  # fmt: skip
    running.fill_online_store()
    running.alerts.wait_for_the_end_of("MoebiusStreamUnread")


@pytest.mark.fires("MoebiusGatewayErrors")
def test_answers_of_the_gateway_that_are_server_errors_are_said(running: Running) -> None:
    trusted = ssl.create_default_context(cafile=str(running.settings.gateway / "certificate.pem"))
    url = f"https://127.0.0.1:{running.settings.gateway_port}/v2/models/{running.spec.name}/infer"
    body = as_json(running.server, request_rows(requests_frame(1)))
    headers = {"x-api-key": running.key}  # the gateway waits for a facade that may be started again
    with httpx.Client(verify=trusted, headers=headers, trust_env=False, timeout=60) as client:
        assert client.post(url, json=body).is_success
        with running.without("facade"):
            wait_until(
                lambda: client.post(url, json=body).is_server_error and running.alerts.firing("MoebiusGatewayErrors"),
                "MoebiusGatewayErrors firing", 60,
            )  # fmt: skip


@pytest.mark.fires("MoebiusGatewayDown", "MoebiusConsumerDown")
def test_each_scrape_that_gets_no_answer_is_said(running: Running) -> None:
    with running.without("gateway", "consumer"):
        for name in ("MoebiusGatewayDown", "MoebiusConsumerDown"):
            assert running.alerts.wait_for(name)["severity"] == "repair"
            assert len(running.alerts.firing(name)) == 1
    for name in ("MoebiusGatewayDown", "MoebiusConsumerDown"):
        running.alerts.wait_for_the_end_of(name)


@pytest.mark.fires("MoebiusUnansweredRequests", "MoebiusModelSilent")
def test_a_dead_process_of_a_model_is_said_until_the_keeper_loads_it_again(running: Running) -> None:
    with running.without("keeper"):
        send(processes(running), signal.SIGKILL)
        assert running.ask_until("MoebiusUnansweredRequests")["usecase"] == running.spec.name
        assert running.ask_until("MoebiusModelSilent")["model"] == running.spec.name
    running.alerts.wait_for_the_end_of("MoebiusModelSilent", 120)
    wait_until(lambda: running.ask(3) == 0, "answers: one process lives before all of them answer", 60)


@pytest.mark.fires("MoebiusServingErrors")
def test_requests_to_a_model_without_a_release_are_our_failure(running: Running) -> None:
    running.alerts.wait_for_the_end_of("MoebiusServingErrors", 90)
    good = running.rollout_file.read_text()
    state_file.delete(running.rollout_file)
    running.server.unload(running.spec.name)
    running.server.load(running.spec.name)
    running.ask_until("MoebiusServingErrors")
    assert running.figure("moebius_requests_total", outcome="no_release") > 0
    running.rollout_file.write_text(good)
    wait_until(lambda: running.ask(1) == 0, "the release answering")


@pytest.mark.fires("MoebiusModelServerDown")
def test_a_model_server_that_is_down_is_said_once(running: Running) -> None:
    with running.without("triton"):
        found = running.alerts.wait_for("MoebiusModelServerDown")
        assert found["instance"] == f"127.0.0.1:{running.settings.triton_metrics_port}"
        assert "usecase" not in found
        assert len(running.alerts.firing("MoebiusModelServerDown")) == 1
    running.alerts.wait_for_the_end_of("MoebiusModelServerDown")


@pytest.mark.fires("MoebiusProcessDown", "MoebiusProcessDied", "MoebiusProcessDiesAgain")
def test_a_process_that_dies_is_said_and_one_that_dies_again_and_again(running: Running) -> None:
    """Nobody starts it here but this test: the platform's supervisord does not run."""
    consumer = service(instances_of("consumer", running.settings)[0])
    for _ in range(3):
        running.supervisor.process("consumer").kill()
        assert running.alerts.wait_for("MoebiusProcessDown", service="consumer")["severity"] == "repair"
        running.supervisor.revive(consumer)
        running.alerts.wait_for_the_end_of("MoebiusProcessDown", service="consumer")
        running.alerts.wait_for("MoebiusProcessDied", service="consumer", what="died")
    assert running.alerts.wait_for("MoebiusProcessDiesAgain", service="consumer")["severity"] == "repair"
    running.alerts.wait_for_the_end_of("MoebiusProcessDown")  # the others run


@pytest.mark.fires("MoebiusProcessDown", "MoebiusExporterDown")
def test_an_exporter_that_is_away_hides_no_process(running: Running) -> None:
    with running.without("exporter"):
        running.alerts.wait_for("MoebiusProcessDown")
        running.alerts.wait_for("MoebiusExporterDown")
    running.alerts.wait_for_the_end_of("MoebiusProcessDown")


@pytest.mark.fires("MoebiusProcessGivenUp")
def test_a_model_that_cannot_be_loaded_again_is_said_until_it_answers(running: Running) -> None:
    name = model_processes("triton", running.spec.name)
    code = running.settings.triton_repository / running.spec.name / "1" / "model.py"
    good, server = code.read_text(), running.supervisor.process("triton")
    code.write_text("raise RuntimeError('no such thing')")
    send(processes(running), signal.SIGKILL)  # the keeper may have ended the second one by now
    assert running.alerts.wait_for("MoebiusProcessGivenUp", service=name)["severity"] == "repair"
    assert running.supervisor.process("triton") == server, "a new server would not help, and would cost the others"
    code.write_text(good)
    running.server.load(running.spec.name)
    running.alerts.wait_for_the_end_of("MoebiusProcessGivenUp", service=name)
    wait_until(lambda: running.ask(3) == 0, "answers: the keeper may load it once more", 60)


TRITONS = {
    "nv_inference_compute_infer_duration_us", "nv_inference_compute_input_duration_us",
    "nv_inference_compute_output_duration_us", "nv_inference_count", "nv_inference_exec_count",
    "nv_inference_pending_request_count", "nv_inference_queue_duration_us", "nv_inference_request_duration_us",
    "nv_inference_request_failure", "nv_inference_request_success",
}  # fmt: skip
"""Names that Triton itself gives its metrics, compiled into it."""
HAPROXYS = {"haproxy_process_failed_resolutions"}
"""The same of HAProxy."""


@pytest.mark.parametrize(
    ("setting", "others"),
    [
        ("exporter_port", set()),
        ("stream_port", set()),
        ("triton_metrics_port", TRITONS),
        ("gateway_metrics_port", HAPROXYS),
    ],
)
def test_what_an_endpoint_says_satisfies_promtool(running: Running, setting: str, others: set[str]) -> None:
    """But for names that are not ours."""
    url = f"http://127.0.0.1:{getattr(running.settings, setting)}/metrics"
    text = httpx.get(url, trust_env=False, timeout=60).raise_for_status().text
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )  # fmt: skip
    complaints = checked.stderr.splitlines()
    assert {complaint.split()[0] for complaint in complaints} <= others, checked.stderr
    assert (checked.returncode == 0) == (complaints == [])
