"""A modest history of one use case, as the loop writes it, in which every text of a person is an attack."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from include.contracts.controls import Hold
from include.contracts.deployment import RolloutEvent
from include.contracts.evaluation import RecordedVerdict
from include.contracts.operations import Figure, RecordedDecision, RetrainPlan
from include.contracts.period import Period
from include.contracts.quality import CheckRecord, QuarantinedRow
from include.deployment import rollout
from include.records.registry import DECISIONS, FIGURES, GATE_RESULTS, QUARANTINE, ROLLOUT_EVENTS, VERDICTS
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from tests.unit.fakes.adapters import packaged
from tests.unit.loop.loop_worlds import verdict

SPEC = load_usecase("flight_delay")
EVIL = (
    """<script>window.pwned = 1</script>"><img src=x onerror="window.pwned = 2"> javascript:window.pwned=3 """
    """</textarea><svg onload="window.pwned = 4"> {{ 7 * 7 }} `' """
    """</title></option></style>--><a href="javascript:window.pwned = 5">]]> ${datum} {"signal": "datum"} %(x)s %s"""
)
"""What a person may write into any text: nothing of it may run, or become an element."""
MONTHS = [Period(f"2013-{month:02d}") for month in range(4, 10)]
OPTIONS = json.dumps(["Approve", "Reject"])
AT = datetime(2013, 10, 1, 6, tzinfo=UTC)


def write(settings: Settings) -> None:
    """Figures, gates, quarantine, verdicts, decisions, approvals, a rollout with its events, a pause."""
    services = Services(settings)
    lake = services.adapters.lake
    for number, month in enumerate(MONTHS):
        FIGURES.replace(SPEC.name, lake, month, _figures(month, number))
        GATE_RESULTS.append(SPEC.name, lake, _checks(month))
    QUARANTINE.append(SPEC.name, lake, [_held(MONTHS[-1])])
    judged = verdict(2, reason=EVIL)
    VERDICTS.append(SPEC.name, lake, [RecordedVerdict(period=MONTHS[-1], decided_at=AT, record=judged)])
    DECISIONS.append(SPEC.name, lake, [_decision(MONTHS[-1])])
    ROLLOUT_EVENTS.append(SPEC.name, lake, [_event("aborted", 0), _event("promoted", 1)])
    release = packaged(services, SPEC, 2)
    state = rollout.first(SPEC, release).model_copy(update={"reason": EVIL})
    rollout.write(services.adapters.state, state)
    now = datetime.now(UTC)
    hold = Hold(by="olga", reason=EVIL, since=now - timedelta(hours=1), until=now + timedelta(days=1))
    services.controls.set_pause(SPEC, hold)


def ask(settings: Settings) -> None:
    """A question that waits for a person, in Airflow's database; its subject is an attack, too."""
    dag, run, task, now = f"{SPEC.name}.retrain_evaluation", f"manual__{EVIL}"[:200], uuid4().hex, str(AT)[:19]
    with closing(sqlite3.connect(settings.airflow_home / "airflow.db", timeout=60)) as database, database:
        database.execute("INSERT INTO log_template (filename, elasticsearch_id, created_at) VALUES ('', '', ?)", (now,))
        _insert(database, "dag_run", dag_id=dag, run_id=run, run_type="manual", run_after=now, state="running",
            start_date=now, log_template_id=1)  # fmt: skip
        _insert(database, "task_instance", id=task, task_id="ask_people", dag_id=dag, run_id=run, map_index=-1,
            state="deferred", try_number=1, pool="default_pool", pool_slots=1)  # fmt: skip
        _insert(database, "hitl_detail", ti_id=task, options=OPTIONS, multiple=False, subject=EVIL, params="{}",
            created_at=now,
            params_input="{}")  # fmt: skip


def _insert(database: sqlite3.Connection, table: str, **values: Any) -> None:
    names, places = ", ".join(values), ", ".join("?" for _ in values)
    database.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", tuple(values.values()))


@contextmanager
def firing(port: int) -> Iterator[None]:
    """A Prometheus that knows one firing alert and no series; the summary of the alert is an attack."""
    labels = {"alertname": "MoebiusFeatureDrift", "usecase": SPEC.name, "severity": "look", "release": "r0001"}
    notes = {"summary": EVIL, "action": EVIL, "runbook": "javascript:window.pwned=5"}
    alert = {"labels": labels, "annotations": notes, "state": "firing", "activeAt": "2013-10-01T06:00:00.123456789Z",
        "value": "5"}  # fmt: skip
    rule = {"name": "MoebiusFeatureDrift", "duration": 0, "alerts": [alert], "labels": labels, "annotations": notes,
        "type": "alerting", "state": "firing", "health": "ok", "query": "1"}  # fmt: skip
    answers = {"alerts": {"alerts": [alert]}, "rules": {"groups": [{"rules": [rule]}]}}
    nothing = {"resultType": "vector", "result": []}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.partition("?")[0].rpartition("/")[2]
            data = answers.get(name, {**nothing, "resultType": "matrix" if name == "query_range" else "vector"})
            body = json.dumps({"status": "success", "data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name that the standard library calls

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _figures(month: Period, number: int) -> list[Figure]:
    value = 0.70 - 0.01 * number
    whole = {
        SPEC.metrics.primary: value, "performance_loss": 0.01 * number, "breached": float(number == 5),
        "drifted_features": float(number), "rows": 900.0, "labelled": 850.0, "unmatched": 10.0, "not_due": 0.0,
        "error_rate": 0.001, "latency_p50_ms": 2.0, "latency_p99_ms": 4.0, "calibration_error": 0.02,
    }  # fmt: skip
    about: dict[str, Any] = {"usecase": SPEC.name, "release": "r0001", "period": month, "n": 900, "effective_n": 300}
    drift = {feature.name: 0.05 * (place + number) for place, feature in enumerate(SPEC.features)}
    return [
        *(Figure(**about, name=name, value=of, low=of - 0.02, high=of + 0.02) for name, of in whole.items()),
        *(Figure(**about, name="psi", subject=feature, value=of, floor=0.05) for feature, of in drift.items()),
        Figure(**about, name="not_measured", subject="log_loss", value=3, state="too few", note=EVIL),
    ]


def _checks(month: Period) -> list[CheckRecord]:
    of: dict[str, Any] = {"gate": "raw", "table": "events", "severity": "warn", "rows": 900, "unexpected": 3}
    return [
        CheckRecord(
            period=month, run=f"run {month}", evaluation=f"raw {month}", position=number, check=f"check {number}",
            expectation="expect_column_values_to_not_be_null", column="dest", passed=number > 0,
            detail=EVIL, dimension="completeness", evaluated_at=AT, **of,
        )
        for number in range(3)
    ]  # fmt: skip


def _held(month: Period) -> QuarantinedRow:
    return QuarantinedRow(
        period=month, gate="raw", table="events", row=f"{month} 1", reasons=EVIL, content="{}", status="released",
        decided_by="olga", note=EVIL, recorded_at=AT,
    )  # fmt: skip


def _decision(month: Period) -> RecordedDecision:
    plan = RetrainPlan(
        usecase=SPEC.name, name=f"{month}-a-b", decision="keep", cause=EVIL, evidence=[EVIL, "psi"], action=EVIL,
        train_from=None, train_to=None, test_from=None, test_to=None, alerts=[], decided_at=AT,
    )  # fmt: skip
    return RecordedDecision(period=month, decision="keep", decided_at=AT, record=plan)


def _event(kind: Any, hours: int) -> RolloutEvent:
    about: dict[str, Any] = {"usecase": SPEC.name, "rollout": "run", "generation": 1 + hours, "champion": "r0001"}
    return RolloutEvent(
        at=AT + timedelta(hours=hours), event=kind, release="r0001", share=1.0, by=EVIL, reason=EVIL, **about
    )
