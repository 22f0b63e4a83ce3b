"""Servers that the pages ask, with answers at once: their own time is not that of a page."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from include.adapters.airflow_rest import AirflowRest
from include.contracts.development import RegisteredVersion
from include.contracts.period import Period
from tests.benchmarks._page_governance import LEARNED, dataset
from tests.benchmarks._page_records import DRIFTED

FIRING, FIRED, SAMPLES = 5, 30, 40
CARD = "<section><h2>Model</h2>" + "<p>a line of the card</p>" * 400 + "</section>"
REASON = {"value": "", "description": "Why.", "schema": {"type": "string", "title": "Reason"}}


class Experiments:
    """What MLflow keeps of each version."""

    url = "http://mlflow"

    def __init__(self, until: Period) -> None:
        features = [{"feature": f"feature_{number}", "share": 1 / 20} for number in range(20)]
        cut = {"column": "origin", "n": 900, "metrics": {"roc_auc": 0.7}, "intervals": {"roc_auc": [0.6, 0.8]}}
        slices = [{**cut, "value": f"C{number}"} for number in range(12)]
        learned = dataset("flights_00", until, LEARNED).json_dict()
        kept = {"dataset.json": learned, "importance.json": features, "slices.json": slices}
        self._documents = {**{path: json.dumps(one) for path, one in kept.items()}, "model_card.html": CARD}

    def document(self, usecase: str, version: int, path: str) -> str:
        return self._documents[path]

    def registered(self, usecase: str, version: int) -> RegisteredVersion:
        parameters = {f"parameter_{number}": str(version * number) for number in range(20)}
        return RegisteredVersion(version=version, metrics={"test_roc_auc": 0.67}, parameters=parameters)

    def newest(self, usecase: str) -> None:
        """No run: what the standard's pages probe of it is asked beside them."""

    def page(self, usecase: str, version: int) -> str:
        return f"{self.url}/{usecase}/{version}"


def airflow() -> AirflowRest:
    """An Airflow that has a form for each action, and one question that waits."""
    task = {"dag_run_id": "ask-1", "task_id": "approve", "state": "deferred"}
    question = {
        "subject": "May the candidate replace it?", "body": "# verdict", "options": ["Approve", "Reject"],
        "params": {"reason": REASON}, "responded_at": None, "task_instance": task,
    }  # fmt: skip
    answers = {"details": {"params": {"reason": REASON}, "is_paused": False}}

    def answer(request: httpx.Request) -> httpx.Response:
        asked = request.url.path.rpartition("/")[2]
        return httpx.Response(200, json=answers.get(asked, {**question, "hitl_details": [question]}))

    return AirflowRest("http://airflow", "token", "http://testserver/page", httpx.MockTransport(answer))


@contextmanager
def prometheus(usecase: str) -> Iterator[int]:
    """The port of a Prometheus with a figure for every query, alerts that fire, and some that fired."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place = urlsplit(self.path)
            data = _data(place.path.rpartition("/")[2], parse_qs(place.query), usecase)
            body = json.dumps({"status": "success", "data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _data(name: str, asked: dict[str, list[str]], usecase: str) -> dict[str, Any]:
    query = asked.get("query", [""])[0]
    if name in ("alerts", "rules"):
        firing = _firing(usecase)
        return {"alerts": firing} if name == "alerts" else {"groups": [{"rules": [_rule(firing), *[_rule([])] * 99]}]}
    if name == "query_range":
        ends = [float(asked[bound][0]) for bound in ("start", "end")]
        labels = _alerts(usecase) if "ALERTS" in query else [{"release": f"r{number:04d}"} for number in range(1, 30)]
        return {"resultType": "matrix", "result": [{"metric": one, "values": _values(*ends)} for one in labels]}
    if "ALERTS{" in query:
        return {"resultType": "vector", "result": []}
    metric = {"usecase": usecase, "release": "r0001", "service": "triton", "__name__": "moebius_requests_total"}
    return {"resultType": "vector", "result": [{"metric": metric, "value": [time.time(), "5"]}]}


def _firing(usecase: str) -> list[dict[str, Any]]:
    notes = {"summary": "5 features drifted", "action": "look at them"}
    about = {"annotations": notes, "state": "firing", "activeAt": "2026-01-01T06:00:00Z", "value": "5"}
    return [{**about, "labels": one} for one in _alerts(usecase)[:FIRING]]


def _rule(alerts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": DRIFTED, "duration": 0, "alerts": alerts}


def _alerts(usecase: str) -> list[dict[str, str]]:
    about = {"alertname": DRIFTED, "usecase": usecase, "severity": "retrain", "asks": "retrain_trigger"}
    return [{**about, "release": f"r{number:04d}"} for number in range(1, FIRED + 1)]


def _values(start: float, end: float) -> list[list[Any]]:
    step = (end - start) / SAMPLES
    return [[start + step * number, "1"] for number in range(SAMPLES)]
