"""The gateway on the real HAProxy: who gets in, what they may, and what happens when a server dies."""

import json
import os
import re
import signal
import stat
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tritonclient.utils import InferenceServerException

from include.adapters import haproxy
from include.contracts.platform import read_events
from include.errors import SettingsError
from include.gateway import clients
from include.platform import gateway, topology
from include.platform.servers import service
from include.platform.topology import instances_of
from include.processes.keeper.edge import AVOIDED
from include.processes.keeper.exits import stubs
from include.settings import Settings
from include.specification.loader import usecase_names
from tests.integration.gateway_fixtures import Gateway, edge
from tests.integration.pipeline_fixtures import request_rows, requests_frame, wait_until

pytestmark = pytest.mark.integration
__all__ = ["edge"]

SECRET_ROW = "only-in-the-payload"


def asked(edge: Gateway, client: str, path: str = "", method: str = "POST", **options: Any) -> httpx.Response:
    if method == "POST" and "content" not in options:
        options.setdefault("json", edge.body())
    with edge.rest(client) as session:
        return session.request(method, path or edge.infer_path(), **options)


def grpc_status(ask: Callable[[], object]) -> str:
    try:
        ask()
    except InferenceServerException as error:
        return error.status().removeprefix("StatusCode.")
    return "OK"


@contextmanager
def grpc_client(edge: Gateway) -> Iterator[Any]:
    client = edge.grpc()
    try:
        yield client
    finally:
        client.close()


def key(edge: Gateway, client: str) -> dict[str, str]:
    return {"x-api-key": edge.keys[client]}


def test_a_good_request_gets_the_release_s_answer_over_both_protocols(edge: Gateway) -> None:
    frame = requests_frame(3, seed=3)
    expected = edge.first.models[sorted(edge.first.models)[0]].predict(frame)
    answer = asked(edge, "shop", json={**edge.body(3), "id": "mine"})
    outputs = {one["name"]: one["data"] for one in answer.json()["outputs"]}
    assert answer.status_code == 200, answer.text
    assert (answer.json()["id"], answer.json()["model_name"]) == ("mine", edge.model)
    assert outputs["probability"] == pytest.approx(list(expected), abs=1e-5)
    with grpc_client(edge) as client:
        tensors = client.infer(edge.model, edge.first.server.inputs(request_rows(frame)), headers=key(edge, "shop"))
    assert tensors.as_numpy("probability").reshape(-1) == pytest.approx(list(expected), abs=1e-5)


@pytest.mark.parametrize(
    ("client", "method", "path", "status"),
    [
        ("", "POST", "", 401),
        ("watcher", "POST", "", 403),
        ("other", "POST", "", 403),
        ("shop", "GET", "/v2", 403),
        ("shop", "GET", "/metrics", 403),
        ("watcher", "GET", "/v2", 200),
        ("watcher", "GET", "/v2/models/{model}", 200),
        ("watcher", "GET", "/metrics", 200),
        ("watcher", "GET", "/v2/models/{model}/ready", 200),
        ("shop", "GET", "/v2/health/ready", 200),
        ("shop", "POST", "/v2/repository/index", 404),
        ("shop", "POST", "/v2/repository/models/{model}/unload", 404),
        ("shop", "POST", "/v2/models/{model}/versions/1/infer", 404),
        ("shop", "POST", "/v2/models/{model}--r0001/infer", 404),
        ("shop", "POST", "/v2/models/%78/{model}/infer", 404),
        ("watcher", "GET", "/v2/models/{model}/config", 404),
        ("watcher", "GET", "/v2/models/{model}/stats", 404),
        ("shop", "GET", "/v2/systemsharedmemory/status", 404),
        ("shop", "GET", "/v2/trace/setting", 404),
        ("shop", "DELETE", "/v2/models/{model}", 404),
    ],
)
def test_a_client_gets_what_its_role_may_and_nothing_that_changes_a_server(
    edge: Gateway, client: str, method: str, path: str, status: int
) -> None:
    answer = asked(edge, client, path.format(model=edge.model), method)
    assert answer.status_code == status, answer.text
    assert answer.headers["x-request-id"]
    assert status == 200 or answer.json()["error"]


def test_a_wrong_key_is_no_key(edge: Gateway) -> None:
    with edge.rest() as session:
        for wrong in (edge.keys["shop"][:-1], clients.hashed(edge.keys["shop"]), "", "shop"):
            assert session.post(edge.infer_path(), json=edge.body(), headers={"x-api-key": wrong}).status_code == 401
        both = [("x-api-key", edge.keys["shop"]), ("x-api-key", "other")]
        assert session.post(edge.infer_path(), json=edge.body(), headers=both).status_code == 401


def test_grpc_clients_are_told_by_grpc_s_own_status(edge: Gateway) -> None:
    inputs = edge.first.server.inputs(request_rows(requests_frame(1)))
    with grpc_client(edge) as client:
        shop, watcher = key(edge, "shop"), key(edge, "watcher")
        assert grpc_status(lambda: client.infer(edge.model, inputs)) == "UNAUTHENTICATED"
        assert grpc_status(lambda: client.infer(edge.model, inputs, headers=watcher)) == "PERMISSION_DENIED"
        private = f"{edge.model}--r0001"
        assert grpc_status(lambda: client.infer(private, inputs, headers=shop)) == "PERMISSION_DENIED"
        assert grpc_status(lambda: client.get_model_metadata(edge.model, headers=watcher)) == "OK"
        assert client.is_model_ready(edge.model, headers=shop)
        for change in (
            lambda: client.load_model(edge.model, headers=shop),
            lambda: client.unload_model(edge.model, headers=shop),
            lambda: client.get_model_config(edge.model, headers=watcher),
            lambda: client.get_model_repository_index(headers=shop),
            lambda: client.register_system_shared_memory("a", "/a", 8, headers=shop),
        ):
            assert grpc_status(change) == "UNIMPLEMENTED"
        compressed = grpc_status(lambda: client.infer(edge.model, inputs, headers=shop, compression_algorithm="gzip"))
        assert compressed == "UNIMPLEMENTED"
    assert edge.first.server.model_ready(edge.model)


def test_a_grpc_request_that_names_two_models_gets_neither(edge: Gateway) -> None:
    """The last one would count for the server, and HAProxy alone looks at the first."""
    from tritonclient.grpc import service_pb2

    def framed(*names: str) -> bytes:
        message = b"".join(service_pb2.ModelInferRequest(model_name=name).SerializeToString() for name in names)
        return struct.pack(">BI", 0, len(message)) + message

    with edge.rest("shop", http2=False) as session:
        for body in (framed(edge.model, f"{edge.model}--r0001"), framed(), framed(edge.model) + b"x", b"\0\0", b""):
            answer = session.post(
                "/inference.GRPCInferenceService/ModelInfer",
                content=body,
                headers={"content-type": "application/grpc", "te": "trailers"},
            )
            assert answer.headers["grpc-status"] == "7", body


@pytest.fixture(scope="module")
def signer(edge: Gateway) -> rsa.RSAPrivateKey:
    """The private key of the client ``signer``, which the gateway knows from here on."""
    private = rsa.generate_private_key(65537, 2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (edge.settings.gateway / "signer.pem").write_bytes(public)
    clients.add(edge.settings.gateway_clients, "signer", {"public_key": "signer.pem"}, usecase_names())
    assert gateway.reload(edge.settings) == "the gateway uses it from now on"
    good = {"sub": "signer", "aud": "moebius", "exp": int(time.time()) + 600}
    wait_until(lambda: bearer(edge, jwt.encode(good, private, "RS256")) == 200, what="the new client gets in")
    return private


def bearer(edge: Gateway, token: str) -> int:
    with edge.rest() as session:
        return session.post(
            edge.infer_path(), json=edge.body(), headers={"authorization": f"Bearer {token}"}
        ).status_code


def test_a_token_counts_when_its_client_signed_it_for_us_and_for_now(edge: Gateway, signer: rsa.RSAPrivateKey) -> None:
    now = int(time.time())
    good = {"sub": "signer", "aud": "moebius", "exp": now + 60}
    assert bearer(edge, jwt.encode(good, signer, "RS256")) == 200
    for changed in ({"exp": now - 1}, {"exp": None}, {"aud": "else"}, {"sub": "shop"}, {"nbf": now + 600}, {"sub": ""}):
        claims = {k: v for k, v in {**good, **changed}.items() if v is not None}
        assert bearer(edge, jwt.encode(claims, signer, "RS256")) == 401, changed
    stranger = rsa.generate_private_key(65537, 2048)
    assert bearer(edge, jwt.encode(good, stranger, "RS256")) == 401
    assert bearer(edge, jwt.encode(good, None, "none")) == 401
    assert bearer(edge, jwt.encode(good, signer, "RS512")) == 401
    shared = "moebius moebius moebius moebius moebius"
    assert bearer(edge, jwt.encode(good, shared, "HS256")) == 401
    head, claims_, signature = jwt.encode(good, signer, "RS256").split(".")
    assert bearer(edge, f"{head}.{claims_}.{signature[:-4]}AAAA") == 401


def test_who_asks_too_often_waits_and_nobody_else(edge: Gateway) -> None:
    """All ask at once: the gateway counts when a request comes, however long the answers of those before it take."""
    asks, body = 30, edge.body()
    inputs = edge.first.server.inputs(request_rows(requests_frame(1)))
    with edge.rest("slow") as session, grpc_client(edge) as client, ThreadPoolExecutor(asks) as pool:
        answers = list(pool.map(lambda _: session.post(edge.infer_path(), json=body), range(asks)))
        status = grpc_status(lambda: client.infer(edge.model, inputs, headers=key(edge, "slow")))
    counts = Counter(answer.status_code for answer in answers)
    assert counts == {200: 10, 429: asks - 10}, "one a second, counted over ten seconds"
    assert {answer.headers.get("retry-after") for answer in answers if answer.status_code == 429} == {"10"}
    assert status == "RESOURCE_EXHAUSTED"
    assert asked(edge, "shop").status_code == 200


def test_a_body_that_is_too_large_is_refused_however_it_comes(edge: Gateway) -> None:
    large = b" " * (edge.settings.gateway_body_limit + 1)
    assert asked(edge, "shop", content=large).status_code == 413
    assert asked(edge, "shop", content=iter([large[:100_000]] * 3)).status_code == 413, "chunked: no length is told"
    almost = json.dumps(edge.body()).encode().ljust(edge.settings.gateway_body_limit)
    assert asked(edge, "shop", content=almost).status_code == 200
    inputs = edge.first.server.inputs([{**request_rows(requests_frame(1))[0], "dest": "x" * len(large)}])
    with grpc_client(edge) as client:
        status = grpc_status(lambda: client.infer(edge.model, inputs, headers=key(edge, "shop")))
    assert status == "RESOURCE_EXHAUSTED"


class Crowd:
    """Clients of both protocols that ask one after another through the gateway."""

    def __init__(self, edge: Gateway, each: int = 2) -> None:
        self.edge, self.ended = edge, threading.Event()
        self.frame = requests_frame(50, seed=8)
        self.answers: list[tuple[int, float]] = []
        self.failures: list[str] = []
        self.rows = request_rows(self.frame)
        asks = [self._rest, self._grpc] * each
        self.threads = [threading.Thread(target=ask, args=(i,)) for i, ask in enumerate(asks)]

    def __enter__(self) -> "Crowd":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join(150)

    def wrong(self) -> int:
        """Answers that are not the champion's."""
        expected = self.edge.first.models[sorted(self.edge.first.models)[0]].predict(self.frame)
        return sum(abs(found - expected[i]) > 1e-5 for i, found in self.answers)

    def more(self, count: int = 50) -> None:
        """Wait until so many more were answered."""
        wanted = len(self.answers) + count
        wait_until(lambda: len(self.answers) >= wanted, what="answers go on")

    def _rest(self, turn: int) -> None:
        from tests.integration.gateway_fixtures import as_json

        bodies = [as_json(self.edge.first.server, [row]) for row in self.rows]
        with self.edge.rest("shop") as session:
            while not self.ended.wait(0.01):
                turn = (turn + 7) % len(bodies)
                answer = session.post(self.edge.infer_path(), json=bodies[turn])
                if answer.status_code == 200:
                    found = {one["name"]: one["data"] for one in answer.json()["outputs"]}
                    self.answers.append((turn, found["probability"][0]))
                else:
                    self.failures.append(f"REST {answer.status_code} {answer.text}")

    def _grpc(self, turn: int) -> None:
        bodies = [self.edge.first.server.inputs([row]) for row in self.rows]
        with grpc_client(self.edge) as client:
            while not self.ended.wait(0.01):
                turn = (turn + 7) % len(bodies)
                try:
                    answer = client.infer(self.edge.model, bodies[turn], headers=key(self.edge, "shop"))
                    self.answers.append((turn, float(answer.as_numpy("probability")[0, 0])))
                except InferenceServerException as error:
                    self.failures.append(f"gRPC {error}")


def up(edge: Gateway, server: str) -> bool:
    line = f'haproxy_server_status{{proxy="grpc_{edge.model}",server="{server}",state="UP"}} 1'
    url = f"http://127.0.0.1:{edge.settings.gateway_metrics_port}/metrics"
    return line in httpx.get(url, trust_env=False, timeout=60).text


def state_of_second(edge: Gateway) -> str:
    return haproxy.states_of(edge.settings, edge.model)["second"]


def serves_again(edge: Gateway) -> None:
    edge.start_second()
    wait_until(lambda: up(edge, "second"), what="it serves again")


def test_a_server_that_is_drained_dies_or_hangs_costs_no_answer(edge: Gateway) -> None:
    wait_until(lambda: up(edge, "second") and up(edge, "embedded"), what="both servers serve")
    with Crowd(edge) as crowd:
        crowd.more()
        assert "second is stopped" in gateway.stop(edge.settings, "second")
        crowd.more()
        haproxy.set_state(edge.settings, "second", "ready")
        serves_again(edge)
        wait_until(lambda: edge.second.figure("moebius_requests_total", outcome="ok") > 20, what="it gets its share")
        edge.kill_second()
        crowd.more(100)
        serves_again(edge)
        crowd.more()
        edge.second_process().suspend()
        wait_until(lambda: not up(edge, "second"), what="its silence is seen")
        crowd.more()
        edge.kill_second()
    serves_again(edge)
    assert crowd.failures == []
    assert crowd.wrong() == 0


def test_a_process_of_a_model_that_dies_or_hangs_costs_no_answer(edge: Gateway) -> None:
    """The keeper tells the gateway before its checks can notice. What a gRPC client had sent by then may fail: the
    server answers it as an error of its own, which nobody may repeat."""
    (keeper,) = instances_of("keeper", edge.settings)
    edge.supervisor.start(service(keeper))
    model, late = f"triton-second/{edge.model}", list[int]()
    try:
        wait_until(lambda: up(edge, "second") and up(edge, "embedded"), what="both servers serve")
        with Crowd(edge) as crowd:
            crowd.more()
            for number in (signal.SIGKILL, signal.SIGSTOP):
                before = len(read_events(edge.supervisor.events))
                for pid in stubs(edge.second_process()):
                    with suppress(ProcessLookupError):  # one of before a restart, which the keeper ends just now
                        os.kill(pid, number)
                wait_until(lambda: state_of_second(edge) == AVOIDED, what="the gateway sends no more requests there")
                told = len(crowd.failures)
                wait_until(
                    lambda since=before: ("started", model)
                    in [(one.what, one.service) for one in read_events(edge.supervisor.events)[since:]],
                    120, "the keeper's word",
                )  # fmt: skip
                wait_until(lambda: up(edge, "second"), 60, "it is used again")
                crowd.more()
                late.append(len(crowd.failures) - told)
    finally:
        edge.supervisor.stop("keeper")
    assert [failure for failure in crowd.failures if "is not healthy" not in failure or "REST" in failure] == []
    assert max(late) <= len(crowd.threads), "only what was under way when the gateway was told"
    assert crowd.wrong() == 0


KEY = "0" * 64
PUBLIC = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- shop", "must map names of clients"),
        ("shop: {", "is not YAML"),
        ("Shop!: {key_sha256: x}", "client 'Shop!': a name has lower-case letters"),
        ("shop: {}", "client 'shop': .*needs exactly one of key_sha256"),
        ("shop: {key_sha256: secret}", "client 'shop': key_sha256: String should match"),
        (f"shop: {{key_sha256: '{KEY}', rate: 0}}", "client 'shop': rate: .*greater than or equal to 1"),
        (f"shop: {{key_sha256: '{KEY}', admin: true}}", "client 'shop': admin: Extra inputs are not permitted"),
        (f"shop: {{key_sha256: '{KEY}', models: [nothing]}}", r"client 'shop': no use case \['nothing'\]; there are"),
        (f"a: {{key_sha256: '{KEY}'}}\nb: {{key_sha256: '{KEY}'}}", r"\['a', 'b'\] have the same key"),
        ("shop: {public_key: none.pem}", "client 'shop': there is no file .*none.pem"),
        ("shop: {public_key: bad.pem}", "client 'shop': .*bad.pem is not a public key in PEM"),
    ],
)
def test_a_client_file_that_cannot_be_used_is_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "clients.yaml"
    path.write_text(text)
    (tmp_path / "bad.pem").write_text(PUBLIC)
    with pytest.raises(SettingsError, match=words) as raised:
        clients.load(path, usecase_names())
    assert "clients.yaml" in str(raised.value)


def test_the_platform_has_a_gateway_as_soon_as_there_is_a_client(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert not {"gateway", "facade"} & {instance.name for instance in topology.instances(settings)}
    clients.add(settings.gateway_clients, "shop", {}, usecase_names())
    names = [instance.name for instance in topology.instances(settings)]
    assert names.index("triton") < names.index("facade") < names.index("gateway")


def test_clients_come_and_go_without_a_failed_request_and_a_bad_file_changes_nothing(edge: Gateway) -> None:
    with Crowd(edge, each=1) as crowd:
        crowd.more(20)
        edge.keys["guest"] = clients.add(edge.settings.gateway_clients, "guest", {}, usecase_names())
        gateway.reload(edge.settings)
        wait_until(lambda: asked(edge, "guest").status_code == 200, what="the new client gets in")
        clients.remove(edge.settings.gateway_clients, "guest", usecase_names())
        gateway.reload(edge.settings)
        wait_until(lambda: asked(edge, "guest").status_code == 401, what="it is out again")
        good = edge.settings.gateway_clients.read_text()
        edge.settings.gateway_clients.write_text(good + "thief: {roles: [root], public_key: thief.pem}\n")
        with pytest.raises(SettingsError, match=r"clients.yaml: client 'thief': roles.0: Input should be 'infer'"):
            gateway.reload(edge.settings)
        edge.settings.gateway_clients.write_text(good)
        crowd.more(20)
    assert crowd.failures == []


def test_a_reload_does_not_give_a_drained_server_requests(edge: Gateway) -> None:
    wait_until(lambda: up(edge, "second"), what="both servers serve")
    gateway.drain(edge.settings, "second")
    edge.client("late", rate=1000)
    gateway.reload(edge.settings)
    wait_until(lambda: asked(edge, "late").status_code == 200, what="the reload is done")
    before = edge.second.settled("moebius_requests_total", outcome="ok")
    assert {asked(edge, "late").status_code for _ in range(10)} == {200}
    assert edge.second.settled("moebius_requests_total", outcome="ok") == before
    haproxy.set_state(edge.settings, "second", "ready")
    wait_until(lambda: up(edge, "second"), what="it serves again")


def test_the_metrics_count_by_backend_and_the_log_has_neither_payload_nor_key(edge: Gateway) -> None:
    figures, begun = lambda: asked(edge, "watcher", "/metrics", "GET").text, len(edge.log())
    body = {**edge.body(), "id": SECRET_ROW}
    body["inputs"][0]["data"] = [SECRET_ROW]
    assert asked(edge, "shop", json=body, params={"q": SECRET_ROW}).status_code == 200
    assert asked(edge, "shop", f"/v2/{SECRET_ROW}", "GET", headers={"referer": SECRET_ROW}).status_code == 404
    for wanted in (
        r'haproxy_backend_http_responses_total\{proxy="rest",code="2xx"\} [1-9]',
        rf'haproxy_server_status\{{proxy="grpc_{edge.model}",server="embedded",state="UP"\}} 1',
        r'haproxy_frontend_http_responses_total\{proxy="edge",code="4xx"\} [1-9]',
    ):
        wait_until(lambda line=wanted: bool(re.search(line, figures())), what=wanted)
    own = ('"route":"infer"', '"status":404', '"route":"metrics"')
    wait_until(lambda: all(one in edge.log()[begun:] for one in own), what="the requests being logged")
    log = edge.log()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert {"shop", "watcher", "-"} <= {line["client"] for line in lines}
    assert {"infer", "ready", "metadata", "metrics", "-"} <= {line["route"] for line in lines}
    files = [path.read_text() for path in edge.settings.gateway.iterdir() if path.is_file()]
    for secret in (SECRET_ROW, *edge.keys.values()):
        assert secret not in log
        assert not any(secret in text for text in files)


def test_the_edge_speaks_tls_only_and_its_files_are_the_owner_s(edge: Gateway) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(edge.url.replace("https", "http") + "/v2/health/ready", trust_env=False, timeout=60)
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        httpx.get(edge.url + "/v2/health/ready", trust_env=False, timeout=60)
    for name in ("server.pem", "clients.yaml", "keys.map", "haproxy.cfg", "admin.sock"):
        mode = stat.S_IMODE((edge.settings.gateway / name).stat().st_mode)
        assert mode == 0o600, name


def test_requests_wait_for_a_facade_that_is_started_again(edge: Gateway) -> None:
    leader = edge.supervisor.process("facade")
    leader.kill()
    leader.wait(60)  # what it has taken before it is gone gets no answer
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(asked, edge, "shop") for _ in range(3)]
        edge.start_edge()
    assert [answer.result().status_code for answer in answers] == [200] * 3


def test_a_facade_that_is_gone_is_said_and_grpc_goes_on(edge: Gateway) -> None:
    leader = edge.supervisor.process("facade")
    leader.send_signal(signal.SIGKILL)
    leader.wait(60)
    inputs = edge.first.server.inputs(request_rows(requests_frame(1)))
    try:
        assert asked(edge, "shop").status_code == 503
        with grpc_client(edge) as client:
            assert grpc_status(lambda: client.infer(edge.model, inputs, headers=key(edge, "shop"))) == "OK"
    finally:
        edge.start_edge()
    assert asked(edge, "shop").status_code == 200
