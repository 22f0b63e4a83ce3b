"""Hostile input, through the gateway and straight to the server: clear errors, no crash, no leak, others are served."""

import json
import random
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from tritonclient.grpc import service_pb2

from include.deployment import rollout
from tests import living
from tests.integration.gateway_fixtures import Gateway, as_json, require_haproxy
from tests.integration.pipeline_fixtures import request_rows, requests_frame, wait_until

pytestmark = pytest.mark.integration

PATIENCE = 3
MALFORMED = 10_000
SERVICE = "/inference.GRPCInferenceService/ModelInfer"


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One server behind the gateway, two releases; the client ``shop`` may ask as often as it likes."""
    require_haproxy()
    one = Gateway(tmp_path_factory.mktemp("gw"), gateway_patience=PATIENCE)
    try:
        one.client("shop", rate=1_000_000)
        one.start(servers=1)
        one.first.release(2)
        yield one
    finally:
        one.stop()


@pytest.fixture
def unharmed(edge: Gateway) -> Iterator[None]:
    """The same processes live after the test, and a good request is answered during it, every time."""
    before = _processes(edge)
    failures: list[str] = []
    ended = threading.Event()

    def ask() -> None:
        with edge.rest("shop") as session:
            while not ended.wait(0.05):
                answer = session.post(edge.infer_path(), json=edge.body())
                failures.extend([answer.text] if answer.status_code != 200 else [])

    asker = threading.Thread(target=ask)
    asker.start()
    yield
    ended.set()
    asker.join()
    assert failures == []
    assert _processes(edge) == before


def _processes(edge: Gateway) -> set[int]:
    leaders = [edge.supervisor.process(name) for name in ("triton", "facade", "gateway")]
    assert all(leaders)
    return {p.pid for leader in leaders for p in [leader, *living.below(leader)]}


def changed(body: dict[str, Any], index: int, **facts: Any) -> dict[str, Any]:
    inputs = [dict(one) for one in body["inputs"]]
    inputs[index].update(facts)
    return {"inputs": inputs}


def bad_bodies(edge: Gateway) -> dict[str, tuple[bytes, str]]:
    """Name → what is sent, and what the error says."""
    good = edge.body()
    text = json.dumps(good)
    number = next(i for i, one in enumerate(good["inputs"]) if one["datatype"] == "FP32")
    many = as_json(edge.first.server, request_rows(requests_frame(65)))
    bodies = {
        "nothing": (b"", "the body is not JSON"),
        "truncated": (text[: len(text) // 2].encode(), "the body is not JSON"),
        "key twice": (text.replace('"shape": [1, 1]', '"shape": [1, 1], "shape": [1, 1]', 1).encode(), "twice"),
        "deep": (b'{"inputs": ' + b"[" * 100_000, "nested too deeply"),
        "NaN": (text.replace(str(good["inputs"][number]["data"][0]), "NaN", 1).encode(), "send null"),
        "huge number": (text.replace(str(good["inputs"][number]["data"][0]), "1e999", 1).encode(), "range"),
    }
    objects = {
        "huge shape": (changed(good, 0, shape=[2**40, 2**40]), "numbers from 1 to"),
        "shape of more": (changed(good, 0, shape=[64, 1]), "shape asks for 64 elements, data has 1"),
        "wrong shape": (changed(good, number, shape=[1, 1, 1]), "unexpected shape"),
        "wrong type": (changed(good, number, datatype="INT64", data=[1]), "data-type"),
        "text for a number": (changed(good, number, data=["x"]), "must be FP32 numbers"),
        "unknown input": (changed(good, 0, name="no_such_input"), "no_such_input"),
        "missing input": ({"inputs": good["inputs"][1:]}, "is missing: the fields that may be missing are"),
        "rows that differ": (changed(good, number, shape=[2, 1], data=[1.0, 2.0]), ""),
        "too many rows": (many, "batch-size"),
        "unknown output": ({**good, "outputs": [{"name": "no_such_output"}]}, "no_such_output"),
        "shared memory": (changed(good, 0, parameters={"shared_memory_region": "x"}), "parameters"),
    }
    return bodies | {name: (json.dumps(body).encode(), words) for name, (body, words) in objects.items()}


@pytest.mark.usefixtures("unharmed")
def test_each_fault_of_a_rest_request_is_told_to_its_client(edge: Gateway) -> None:
    with edge.rest("shop") as session:
        for name, (body, words) in bad_bodies(edge).items():
            answer = session.post(edge.infer_path(), content=body)
            assert answer.status_code == 400, (name, answer.text)
            assert words in answer.json()["error"], (name, answer.text)
        stranger = request_rows(requests_frame(1))[0] | {"tailnum": "☃" * 100, "origin": "'; DROP TABLE x"}
        assert session.post(edge.infer_path(), json=as_json(edge.first.server, [stranger])).status_code == 200


def bad_messages(edge: Gateway) -> dict[str, tuple[Any, str]]:
    """Name → request of the protocol, and the status that it must get."""

    def message(change: Callable[[Any], None]) -> Any:
        made = service_pb2.ModelInferRequest(model_name=edge.model)
        for tensor in edge.first.server.inputs(request_rows(requests_frame(1))):
            made.inputs.extend([tensor._get_tensor()])
            made.raw_input_contents.extend([tensor._get_content()])
        change(made)
        return made

    def content(at: int, raw: bytes) -> Callable[[Any], None]:
        return lambda made: made.raw_input_contents.__setitem__(at, raw)

    kinds = [t.datatype() for t in edge.first.server.inputs(request_rows(requests_frame(1)))]
    number, text = kinds.index("FP32"), kinds.index("BYTES")
    return {
        "no model": (message(lambda made: made.ClearField("model_name")), "INVALID_ARGUMENT NOT_FOUND"),
        "unknown model": (
            message(lambda made: setattr(made, "model_name", "x")),
            "INVALID_ARGUMENT NOT_FOUND UNAVAILABLE",
        ),
        "no input": (message(lambda made: made.ClearField("inputs")), "INVALID_ARGUMENT"),
        "no content": (message(lambda made: made.ClearField("raw_input_contents")), "INVALID_ARGUMENT"),
        "huge shape": (message(lambda made: made.inputs[0].shape.__setitem__(0, 2**60)), "INVALID_ARGUMENT"),
        "negative shape": (message(lambda made: made.inputs[0].shape.__setitem__(0, -5)), "INVALID_ARGUMENT"),
        "wrong type": (message(lambda made: setattr(made.inputs[number], "datatype", "INT64")), "INVALID_ARGUMENT"),
        "no type": (message(lambda made: setattr(made.inputs[number], "datatype", "X")), "INVALID_ARGUMENT"),
        "too short": (message(content(number, b"\0")), "INVALID_ARGUMENT"),
        "too long": (message(content(number, b"\0" * 4096)), "INVALID_ARGUMENT"),
        "text that lies": (message(content(text, struct.pack("<I", 2**31) + b"x")), "INVALID_ARGUMENT"),
        "no UTF-8": (message(content(text, struct.pack("<I", 2) + b"\xff\xfe")), "INVALID_ARGUMENT"),
        "NaN": (message(content(number, np.float32("nan").tobytes())), "INVALID_ARGUMENT"),
    }


@pytest.mark.usefixtures("unharmed")
def test_each_fault_of_a_grpc_request_is_told_to_its_client(edge: Gateway) -> None:
    trusted = grpc.ssl_channel_credentials(edge.certificate.read_bytes())
    through = grpc.secure_channel(f"127.0.0.1:{edge.settings.gateway_port}", trusted)
    straight = grpc.insecure_channel(edge.settings.triton_grpc)
    with through, straight:
        for name, (message, expected) in bad_messages(edge).items():
            sent = message.SerializeToString()
            assert _status(straight, sent) in expected.split(), name
            told = _status(through, sent, (("x-api-key", edge.keys["shop"]),))
            assert told in (["PERMISSION_DENIED"] if "model" in name else expected.split()), name


def _status(channel: grpc.Channel, sent: bytes, metadata: Any = ()) -> str:
    """gRPC's name of the answer's status; the bytes are sent as they are."""
    try:
        channel.unary_unary(SERVICE)(sent, timeout=120, metadata=metadata)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


def mutated(good: bytes, seed: int) -> bytes:
    """The request cut off, with bytes changed, a part doubled, or digits blown up."""
    dice = random.Random(seed)
    body = bytearray(good)
    at = dice.randrange(len(body))
    match dice.randrange(4):
        case 0:
            return bytes(body[:at])
        case 1:
            for _ in range(dice.randrange(1, 8)):
                body[dice.randrange(len(body))] = dice.randrange(256)
            return bytes(body)
        case 2:
            return bytes(body[:at] + body[dice.randrange(at + 1) : at] + body[at:])
        case _:
            return bytes(body).replace(b"1", b"9" * dice.choice((2, 20, 200)), dice.randrange(1, 5))


@pytest.mark.usefixtures("unharmed")
def test_ten_thousand_malformed_requests_break_nothing_and_fill_no_memory(edge: Gateway) -> None:
    rest = json.dumps(edge.body()).encode()
    message, _ = bad_messages(edge)["too short"]
    services = ("triton", "facade", "gateway")
    quarter = MALFORMED // 4

    def by_rest(first: int) -> Counter:
        with edge.rest("shop") as session:
            seeds = range(first, first + quarter, 4)
            return Counter(session.post(edge.infer_path(), content=mutated(rest, s)).status_code for s in seeds)

    def by_grpc(first: int) -> Counter:
        with grpc.insecure_channel(edge.settings.triton_grpc) as channel:
            seeds = range(first, first + quarter, 4)
            return Counter(_status(channel, mutated(message.SerializeToString(), s)) for s in seeds)

    web, straight, memory = Counter[int](), Counter[str](), []
    with ThreadPoolExecutor(4) as pool:
        for begin in (0, quarter):
            workers = range(begin, begin + 4)
            web += sum(pool.map(by_rest, workers), Counter())
            straight += sum(pool.map(by_grpc, workers), Counter())
            memory.append({name: held(edge, name) for name in services})
    assert sum(web.values()) + sum(straight.values()) == MALFORMED
    assert set(web) <= {200, 400}, web
    assert web[400] > web[200], "most of them are malformed"
    assert not {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"} & set(straight), straight
    # what allocators keep for themselves is there after the first half; a leak grows on
    grown = {name: memory[1][name] - memory[0][name] for name in services}
    assert max(grown.values()) < 30 * 1024 * 1024, grown


def held(edge: Gateway, name: str) -> int:
    """Bytes of a service's own. Pages of files are left out: how many count depends on who else runs the program."""
    leader = edge.supervisor.process(name)
    return sum(_own_bytes(process.pid) for process in [leader, *living.below(leader)])


def _own_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it ended just now
        return 0
    status = dict(line.split(":", 1) for line in lines)
    return sum(int(status[part].split()[0]) for part in ("RssAnon", "RssShmem", "VmSwap")) * 1024


def opened(edge: Gateway) -> ssl.SSLSocket:
    trusted = ssl.create_default_context(cafile=str(edge.certificate))
    plain = socket.create_connection(("127.0.0.1", edge.settings.gateway_port), timeout=60)
    return trusted.wrap_socket(plain, server_hostname="127.0.0.1")


def head(edge: Gateway, length: int) -> bytes:
    lines = [f"POST {edge.infer_path()} HTTP/1.1", "host: x", f"x-api-key: {edge.keys['shop']}"]
    return "\r\n".join([*lines, f"content-length: {length}", "", ""]).encode()


@pytest.mark.usefixtures("unharmed")
def test_slow_clients_are_sent_away_and_hold_nobody_up(edge: Gateway) -> None:
    slow = []
    for begin in (b"POST /v2/models/", head(edge, 1000) + b'{"inputs": '):
        for _ in range(20):
            slow.append(opened(edge))
            slow[-1].sendall(begin)
    good = []
    with edge.rest("shop") as session:
        begun = time.monotonic()
        while time.monotonic() < begun + 1:
            asked = time.monotonic()
            assert session.post(edge.infer_path(), json=edge.body()).status_code == 200
            good.append(time.monotonic() - asked)
    answers = [one.recv(100) for one in slow]
    assert {answer[:12] for answer in answers} == {b"HTTP/1.1 408"}
    assert np.median(good) < PATIENCE, "nobody waits as long as a slow client may"
    for one in slow:
        one.close()


@pytest.mark.usefixtures("unharmed")
def test_a_client_that_goes_away_in_the_middle_is_forgotten(edge: Gateway) -> None:
    body = json.dumps(edge.body()).encode()
    for cut in (0, 1, len(body) // 2, len(body) - 1):
        with opened(edge) as one:
            one.sendall(head(edge, len(body)) + body[:cut])
    with opened(edge) as one:
        one.sendall(head(edge, len(body)) + body)


# Python's ssl (3.11) forgets to close a socket that is reset between its connection and its handshake
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
def test_one_address_cannot_take_all_connections(edge: Gateway) -> None:
    limit = edge.settings.gateway_connections_per_source
    with ExitStack() as opened:
        found = [_connection(edge.settings.gateway_port) for _ in range(limit + 20)]
        held = [opened.enter_context(one) for one in found if one]
        refused = len(found) - len(held)
        wait_until(lambda: refused + sum(map(_closed, held)) >= 20, what="those beyond the limit are closed")
        assert not all(map(_closed, held))
    wait_until(lambda: _answers(edge), what="it may come back")


def _connection(port: int) -> socket.socket | None:
    """None when it was closed before it was there."""
    try:
        return socket.create_connection(("127.0.0.1", port), timeout=60)
    except ConnectionError:
        return None


def _closed(one: socket.socket) -> bool:
    one.setblocking(False)
    try:
        return one.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def _answers(edge: Gateway) -> bool:
    with edge.rest("shop") as session:
        try:
            return session.get("/v2/health/ready").status_code == 200
        except httpx.HTTPError:
            return False


def test_fifty_releases_loaded_and_unloaded_leave_no_memory_behind(edge: Gateway) -> None:
    one, two = sorted(edge.first.models)
    rows = request_rows(requests_frame(8))
    memory = {}
    for turn in range(1, 51):
        edge.first.switch(rollout.promote(edge.first.rollout_state(), two if turn % 2 else one))
        answers = edge.first.server.infer(edge.model, rows)
        assert {answer["release"] for answer in answers} == {two if turn % 2 else one}
        if turn in (5, 50):
            memory[turn] = held(edge, "triton")
    stubs = living.below(edge.supervisor.process("triton"))
    assert len(stubs) == 1, "one process per model, none left of a release"
    assert memory[50] <= memory[5] * 1.1, memory
