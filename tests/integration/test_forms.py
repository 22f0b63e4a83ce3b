"""Forms over REST, on a real API server that has read the DAGs; and a run with a field that its DAG has not."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from include.governance.rights import may
from include.services.composition import Services
from include.settings import ROOT, Settings
from tests.integration.airflow_fixtures import airflow_settings, api_server, environment

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return airflow_settings(tmp_path_factory.mktemp("forms"))


@pytest.fixture(scope="module")
def clients(settings: Settings) -> Iterator[dict[str, httpx.Client]]:
    with api_server(settings, ["dags", "reserialize"]) as clients:
        yield clients


@pytest.fixture(scope="module")
def admin(clients: dict[str, httpx.Client]) -> httpx.Client:
    return clients["admin"]


def test_a_request_for_many_dags_reaches_those_that_the_role_may_pause(clients: dict[str, httpx.Client]) -> None:
    """It names no DAG, so Airflow asks for each."""
    found = {
        role: clients[role].patch("/api/v2/dags?dag_id_pattern=~&limit=500", json={"is_paused": False})
        for role in clients
    }
    assert {found.pop(role).status_code for role in ("viewer", "engineer", "approver", "auditor")} == {403}
    reached = {role: {dag["dag_id"].partition(".")[2] for dag in found[role].json()["dags"]} for role in found}
    assert {"training", "hand_over"} <= reached["operator"]
    assert reached["admin"] - reached["operator"] == {
        family for family in reached["admin"] if not may("operator", family, "pause")
    }


def triggered(admin: httpx.Client, family: str, conf: dict[str, Any]) -> httpx.Response:
    return admin.post(f"/api/v2/dags/flight_delay.{family}/dagRuns", json={"logical_date": None, "conf": conf})


def keyed(admin: httpx.Client, key: str) -> httpx.Response:
    body = {"logical_date": None, "conf": {}, "partition_key": key}
    return admin.post("/api/v2/dags/flight_delay.data_pipeline/dagRuns", json=body)


def test_a_pipeline_run_takes_a_period_or_a_range_as_its_partition_key_and_refuses_other_text(
    admin: httpx.Client,
) -> None:
    for key in ("2013-04", "2013-01..2013-03"):
        taken = keyed(admin, key)
        assert (taken.status_code, taken.json()["partition_key"]) == (200, key)
    for key in ("April", "2013-04-01", "2013-03..2013-01"):
        assert keyed(admin, key).status_code in (400, 422), key


def test_a_backfill_is_one_run_of_a_range_under_a_name_that_airflow_takes(admin: httpx.Client) -> None:
    window = {"from_date": "2013-05-01T00:00:00Z", "to_date": "2013-07-01T00:00:00Z"}
    made = admin.post("/api/v2/backfills", json={"dag_id": "flight_delay.data_pipeline", **window})
    assert made.status_code == 200, made.text
    runs = admin.get("/api/v2/dags/flight_delay.data_pipeline/dagRuns", params={"run_type": "backfill"}).json()
    assert [run["partition_key"] for run in runs["dag_runs"]] == ["2013-05..2013-07"]


@pytest.mark.parametrize("conf", [{}, {"operation": "diff", "snapshot": "2013-04-0123456789ab"}])
def test_looking_at_data_versions_needs_no_reason(admin: httpx.Client, conf: dict[str, Any]) -> None:
    assert triggered(admin, "data_versions", conf).status_code == 200


@pytest.mark.parametrize(
    ("family", "conf", "field"),
    [
        ("hand_over", {}, "reason"),
        ("hand_over", {"reason": "   "}, "reason"),
        ("hand_over", {"reason": "a good one", "from": None}, "from"),
        ("export", {"reason": "a good one"}, "recipient"),
        ("quarantine", {"reason": "a good one"}, "period"),
        ("rollback", {"release": "r0001"}, "reason"),
        ("data_pipeline", {"period": "April"}, "period"),
        ("data_pipeline", {"period": 201304}, "period"),
        ("deployment", {"version": "2"}, "version"),
        ("training", {"trials": "many"}, "trials"),
        ("data_versions", {"operation": "drop"}, "operation"),
        ("batch_inference", {"release": "latest"}, "release"),
    ],
)
def test_a_value_that_the_form_refuses_is_refused_by_rest_and_named(
    admin: httpx.Client, family: str, conf: dict[str, Any], field: str
) -> None:
    answer = triggered(admin, family, conf)
    assert (answer.status_code, f"param {field}:" in answer.text) == (400, True), answer.text


@pytest.mark.full
def test_a_run_with_an_unknown_field_fails_in_its_first_task(admin: httpx.Client, settings: Settings) -> None:
    """Airflow takes the run; its first task names the field, and the month is not run."""
    command = [str(Path(sys.executable).parent / "airflow"), "dags", "test", "flight_delay.data_pipeline", "2013-05-01"]
    conf = ["--conf", json.dumps({"preiod": "2013-04"})]
    done = subprocess.run(
        [*command, *conf], env=environment(settings), capture_output=True, text=True, check=False
    )  # fmt: skip
    assert "the form has no field 'preiod' (did you mean 'period'?)" in done.stdout + done.stderr
    assert "state=failed" in done.stdout + done.stderr
    assert not settings.staging.exists()


@pytest.mark.full
def test_a_version_that_was_judged_against_a_replaced_champion_is_judged_again_by_itself(
    admin: httpx.Client, settings: Settings, tmp_path: Path
) -> None:
    argv = [sys.executable, "-W", "ignore", "-m", "tests.integration.judged_again", str(tmp_path / "state")]
    result, key = tmp_path / "result.json", {"MOEBIUS_APPROVAL_KEY": os.environ["MOEBIUS_APPROVAL_KEY"]}
    done = subprocess.run(
        [*argv, str(result)], cwd=ROOT, env=environment(settings) | key, capture_output=True, text=True, check=False
    )
    assert result.is_file(), done.stderr[-3000:]
    told = json.loads(result.read_text())
    ((dag, run, conf),) = told["started"]
    assert (dag, conf) == ("flight_delay.retrain_evaluation", {"version": 3})
    assert run.startswith("again__v3__")
    assert told["tasks"].pop("evaluate_again") in ("success", "skipped"), "skipped where the run is there already"
    assert set(told["tasks"].values()) == {"skipped"}
    assert told["record"] == "version 3 was judged against r0001, and now r0002 (version 2) serves"


def test_what_people_ask_for_is_in_the_audit_log_with_login_and_outcome(
    clients: dict[str, httpx.Client], settings: Settings
) -> None:
    since, token = datetime.now(UTC), f"{settings.airflow_url}/auth/token"
    run = "/api/v2/dags/flight_delay.data_versions/dagRuns"
    body = {"logical_date": None, "conf": {"operation": "list", "reason": "to look"}}
    assert clients["operator"].post(run, json=body).status_code == 200
    assert clients["viewer"].post(run, json=body).status_code == 403
    assert clients["auditor"].get("/moebius/").status_code == 200
    assert clients["auditor"].get("/moebius/catalog/flight_delay/sheet/events").status_code == 404
    assert clients["viewer"].get("/moebius/audit/").status_code == 403
    assert "dag flight_delay.data_versions" in clients["auditor"].get("/moebius/audit/?by=olga").text
    assert clients["auditor"].get("/moebius/audit/?kind=gossip").status_code == 422
    httpx.post(token, json={"username": "olga", "password": "wrong"}, timeout=60)
    httpx.post(token, json={"username": "my secret", "password": "wrong"}, timeout=60)
    assert httpx.get(f"{settings.airflow_url}/moebius/loops/flight_delay", timeout=60).status_code == 401
    seen = list(Services(settings).adapters.audit.read(since))
    assert [(e.by, e.action, e.outcome) for e in seen] == [
        ("olga", "trigger", "asked"),
        ("olga", "trigger", "done"),
        ("vera", "trigger", "asked"),
        ("vera", "trigger", "refused"),
        ("aud", "open_page", "done"),
        ("aud", "read_data_sheet", "failed"),
        ("vera", "read_audit_log", "refused"),
        ("aud", "read_audit_log", "done"),
        ("aud", "read_audit_log", "failed"),
        ("olga", "log_in", "refused"),
        ("unknown login", "log_in", "refused"),
        ("anonymous", "open_page", "refused"),
    ]
    assert (seen[1].reason, seen[1].what) == ("to look", "dag flight_delay.data_versions")
    assert "my secret" not in "".join(event.model_dump_json() for event in seen)
