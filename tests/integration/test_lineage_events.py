"""A real task under Airflow emits OpenLineage events with our tables, to a file and to a consumer at once."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from include.platform.airflow import environment
from include.settings import ROOT, Settings
from tests.dags.snapshot import GRAPH
from tests.unit.catalog.catalog_records import SPEC, catalog

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def received() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a consumer, and the events that it got."""
    events: list[dict[str, Any]] = []

    class Consumer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Consumer)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", events
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, received: tuple[str, list]) -> list[dict[str, Any]]:
    """Events in the file after ``collect`` ran on the real flights of January, with a catalog written before."""
    home = tmp_path_factory.mktemp("lineage")
    keys = "k01:secret-of-the-lineage-tests"
    settings = Settings(home=home, lineage_url=received[0], pseudonym_keys=SecretStr(keys))
    (settings.catalog / SPEC.name).mkdir(parents=True)
    (settings.catalog / SPEC.name / "catalog.json").write_text(catalog().model_dump_json())
    command = [
        sys.executable,
        "-m",
        "tests.integration.lineage_task",
        "flight_delay.data_pipeline",
        "collect",
        "2013-01",
    ]
    variables = environment(settings) | settings.secrets() | {"PYTHONWARNINGS": "default"}
    # a task leaves out an event that takes long, and a consumer that takes long is told again
    transport = json.loads(variables["AIRFLOW__OPENLINEAGE__TRANSPORT"])
    transport["transports"]["http"]["timeout"] = 300.0
    patient = {"TRANSPORT": json.dumps(transport), "EXECUTION_TIMEOUT": "600"}
    variables |= {f"AIRFLOW__OPENLINEAGE__{name}": value for name, value in patient.items()}
    done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return [
        json.loads(line) for file in sorted(settings.lineage.glob("*.jsonl")) for line in file.read_text().splitlines()
    ]


def of_task(events: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next(
        e for e in events if e["job"]["name"] == "flight_delay.data_pipeline.collect" and e["eventType"] == kind
    )


@pytest.mark.parametrize("kind", ["START", "COMPLETE"])
def test_a_task_tells_what_it_reads_and_writes(written: list, kind: str) -> None:
    event = of_task(written, kind)
    assert event["job"]["namespace"] == "moebius.prod"
    assert {d["namespace"] for d in [*event["inputs"], *event["outputs"]]} == {"moebius://prod"}
    assert {d["name"] for d in event["inputs"]} == {f"flight_delay.source.{s}" for s in SPEC.sources}
    assert {d["name"] for d in event["outputs"]} == {f"flight_delay.raw.{s}" for s in SPEC.sources}


def test_a_dataset_carries_meaning_owner_columns_and_classes(written: list) -> None:
    flights = next(d for d in of_task(written, "COMPLETE")["inputs"] if d["name"] == "flight_delay.source.flights")
    facets = flights["facets"]
    assert facets["documentation"]["description"] == SPEC.sources["flights"].description
    assert [o["name"] for o in facets["ownership"]["owners"]] == [SPEC.owner]
    assert {f["name"]: f["type"] for f in facets["schema"]["fields"]} == SPEC.sources["flights"].columns
    assert {"key": "privacy", "value": "personal", "source": "moebius", "field": "tailnum"} in facets["tags"]["tags"]


def test_the_consumer_gets_what_the_file_has(written: list, received: tuple[str, list]) -> None:
    def key(event: dict[str, Any]) -> tuple[str, str]:
        return event["job"]["name"], event["eventType"]

    assert sorted(map(key, received[1])) == sorted(map(key, written))
    assert of_task(received[1], "COMPLETE")["outputs"] == of_task(written, "COMPLETE")["outputs"]


def test_every_task_that_is_told_of_exists() -> None:
    from include.orchestration.lineage import FLOWS

    graph = json.loads(GRAPH.read_text())
    told = {(family, task) for family, tasks in FLOWS.items() for task in tasks}
    assert told <= {(family, task) for family, shapes in graph.items() for shape in shapes for task in shape["tasks"]}


def test_what_a_step_reads_was_written_by_one_before() -> None:
    from include.orchestration.lineage import FLOWS

    flows = [flow for tasks in FLOWS.values() for flow in tasks.values()]
    made = {name for _, writes in flows for name in writes(SPEC)}
    read = {name for reads, _ in flows for name in reads(SPEC)}
    assert {name for name in read - made if not name.startswith("source.")} == set()


def test_nothing_is_emitted_unless_asked_for(tmp_path: Path) -> None:
    quiet = environment(Settings(home=tmp_path, lineage_file=False))
    assert quiet["AIRFLOW__OPENLINEAGE__DISABLED"] == "True"
    assert "AIRFLOW__OPENLINEAGE__TRANSPORT" not in quiet


def test_a_transport_of_the_operator_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", '{"type": "console"}')
    assert environment(Settings(home=tmp_path))["AIRFLOW__OPENLINEAGE__TRANSPORT"] == '{"type": "console"}'
