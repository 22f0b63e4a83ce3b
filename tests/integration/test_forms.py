"""Forms over REST, on a real API server that has read the DAGs; and a run with a field that its DAG has not."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from include.settings import Settings
from tests.integration.airflow_fixtures import airflow_settings, api_server, environment

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return airflow_settings(tmp_path_factory.mktemp("forms"))


@pytest.fixture(scope="module")
def admin(settings: Settings) -> Iterator[httpx.Client]:
    with api_server(settings, ["dags", "reserialize"]) as clients:
        yield clients["admin"]


def triggered(admin: httpx.Client, family: str, conf: dict[str, Any]) -> httpx.Response:
    return admin.post(f"/api/v2/dags/flight_delay.{family}/dagRuns", json={"logical_date": None, "conf": conf})


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
