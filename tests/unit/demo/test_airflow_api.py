"""A call that Airflow did not take, or whose answer was lost, is repeated and has its effect once."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from include.demo.airflow_api import Airflow
from include.errors import ServiceError
from include.settings import Settings

LISTS = {
    "dags": "dags", "dagRuns": "dag_runs", "taskInstances": "task_instances", "importErrors": "import_errors",
}  # fmt: skip


class Stub(BaseHTTPRequestHandler):
    """Answers logins, and runs of DAGs as ``faults`` say: a status each, or 0 for an answer that is lost."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/auth/token":
            self.server.logins += 1  # type: ignore[attr-defined]
            if self.server.logins == self.server.busy_login:  # type: ignore[attr-defined]
                return self.answer(503, {"detail": "starting"}, {"Retry-After": "0"})
            return self.answer(201, {"access_token": "t"})
        run_id, runs = body["dag_run_id"], self.server.runs  # type: ignore[attr-defined]
        fault = self.server.faults.pop(0) if self.server.faults else None  # type: ignore[attr-defined]
        if fault == 503:
            return self.answer(503, {"detail": "the database is busy"}, {"Retry-After": "0"})
        if run_id in runs:
            return self.answer(409, {"detail": "it is there"})
        runs[run_id] = {"dag_id": "x", "dag_run_id": run_id, "conf": body["conf"]}
        if fault == 0:
            self.close_connection = True
            return None
        return self.answer(fault or 200, runs[run_id])

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if (key := path.rpartition("/")[2]) in LISTS:
            return self.answer(200, self.page(LISTS[key], query))
        return self.answer(200, self.server.runs[unquote(key)])  # type: ignore[attr-defined]

    def page(self, key: str, query: dict[str, list[str]]) -> dict[str, Any]:
        """As Airflow does: at most 100, whatever the client asks for."""
        entries, start = self.server.lists[key], int(query["offset"][0])  # type: ignore[attr-defined]
        states = query.get("state")
        entries = [entry for entry in entries if not states or entry["state"] in states]
        most = min(int(query["limit"][0]), 100)
        return {key: entries[start : start + most], "total_entries": len(entries)}

    def answer(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: what matters is asserted."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    stub = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    stub.runs, stub.faults, stub.lists = {}, [], {}  # type: ignore[attr-defined]
    stub.logins, stub.busy_login = 0, 0  # type: ignore[attr-defined]
    thread = threading.Thread(target=stub.serve_forever, args=(0.01,))
    thread.start()
    yield stub
    stub.shutdown()
    thread.join()
    stub.server_close()


@pytest.fixture
def client(server: ThreadingHTTPServer, tmp_path: Path) -> Iterator[Airflow]:
    opened = Airflow(Settings(home=tmp_path, airflow_port=server.server_address[1]), lambda run, tasks: None)
    yield opened
    opened.close()


@pytest.mark.parametrize("faults", [[], [503, 503], [0], [0, 503], [503, 0]], ids=str)
def test_a_trigger_starts_one_run_whatever_is_lost(
    client: Airflow, server: ThreadingHTTPServer, faults: list[int]
) -> None:
    server.faults = list(faults)  # type: ignore[attr-defined]
    run = client.trigger("x", {"period": "2013-04"})
    assert list(server.runs) == [run["dag_run_id"]]  # type: ignore[attr-defined]
    assert run["conf"] == {"period": "2013-04"}


def test_a_trigger_that_airflow_refuses_says_why(client: Airflow, server: ThreadingHTTPServer) -> None:
    server.faults = [400]  # type: ignore[attr-defined]
    with pytest.raises(ServiceError, match="POST /dags/x/dagRuns gave 400"):
        client.trigger("x")


@pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
def test_every_page_of_every_list_is_read(client: Airflow, server: ThreadingHTTPServer, count: int) -> None:
    numbers = range(count)
    runs = [{"dag_id": "x", "dag_run_id": f"r{n}", "state": "success" if n % 2 else "running"} for n in numbers]
    server.lists = {  # type: ignore[attr-defined]
        "dags": [{"dag_id": f"d{n}"} for n in numbers],
        "dag_runs": runs,
        "task_instances": [{"task_id": f"t{n}"} for n in numbers],
        "import_errors": [{"filename": f"f{n}", "stack_trace": ""} for n in numbers],
    }
    assert len(client.dags()) == count
    assert [run["dag_run_id"] for run in client.runs("x")] == [f"r{n}" for n in numbers]
    assert len(client.unfinished(["x"])) == (count + 1) // 2
    assert len(client.tasks({"dag_id": "x", "dag_run_id": "r"})) == count
    assert len(client.import_errors("mine")) == count


def test_the_faults_of_other_use_cases_do_not_stop_the_demo(client: Airflow, server: ThreadingHTTPServer) -> None:
    other, mine = ("include/usecases/other/usecase.yaml:3: x", "include/usecases/mine/usecase.yaml:3: x")
    errors = [{"filename": "specifications.py", "stack_trace": text} for text in (other, f"{other}\n{mine}")]
    server.lists = {"import_errors": errors}  # type: ignore[attr-defined]
    assert len(client.import_errors("mine")) == 1


def test_a_login_waits_for_an_api_server_that_starts(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    server.busy_login = 1  # type: ignore[attr-defined]
    Airflow(Settings(home=tmp_path, airflow_port=server.server_address[1]), lambda run, tasks: None).close()
    assert server.logins == 2  # type: ignore[attr-defined]


def test_an_interrupted_play_finds_the_run_that_it_named(client: Airflow, server: ThreadingHTTPServer) -> None:
    first, again = (client.trigger("x", run_id="demo__2013-04") for _ in range(2))
    assert first == again
    assert list(server.runs) == ["demo__2013-04"]  # type: ignore[attr-defined]
