"""Airflow on a disk that fills while tasks run: they fail with words or go on, and all of it is repaired by itself."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from include.settings import Settings
from tests.integration import airflow_fixtures
from tests.integration.airflow_fixtures import airflow_settings, api_server
from tests.integration.metrics_server_fixtures import wait_until
from tests.integration.small_disk_fixtures import SmallDisk, mounted

pytestmark = [pytest.mark.integration, pytest.mark.full]
PATIENCE = 300.0
DAG = """
import time
from datetime import datetime, timedelta
from pathlib import Path

from airflow.sdk import dag, task

from include.orchestration.steps import deliberate
from include.settings import load_settings


@dag(dag_id="fill", start_date=datetime(2026, 1, 1), default_args={"retries": 6, "retry_delay": timedelta(seconds=3)})
def fill():
    @task
    def talk():
        await_both()
        for number in range(100):
            print("line", number, "x" * 300)
            time.sleep(0.2)

    @task
    def write():
        deliberate(add)()

    talk()
    write()


def await_both():
    while not (load_settings().home / "both").exists():
        time.sleep(0.1)


def add():
    await_both()
    for number in range(60):
        with (load_settings().home / "made").open("ab") as made:
            made.write(b"x" * 20_000)
        time.sleep(0.2)


fill()
"""


class Airflow:
    """API server and scheduler; who keeps the platform starts a scheduler again that ended."""

    def __init__(self, disk: SmallDisk, admin: httpx.Client, settings: Settings) -> None:
        self.disk, self.admin, self.settings = disk, admin, settings
        self._scheduler: subprocess.Popen | None = None

    def keep_the_scheduler(self) -> None:
        if self._scheduler is None or self._scheduler.poll() is not None:
            with (self.settings.airflow_home / "scheduler.log").open("a") as log:
                self._scheduler = subprocess.Popen(
                    [*airflow_fixtures.COMMAND, "scheduler", "--skip-serve-logs"],
                    env=airflow_fixtures.environment(self.settings), stdout=log, stderr=log, start_new_session=True,
                )  # fmt: skip

    def stop(self) -> None:
        if self._scheduler is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._scheduler.pid, signal.SIGKILL)
            self._scheduler.wait()

    def states(self) -> dict[str, str]:
        """Task → its state; nothing while the database takes nothing."""
        try:
            answer = self.admin.get("/api/v2/dags/fill/dagRuns/~/taskInstances", timeout=10).json()
        except (httpx.HTTPError, ValueError):
            return {}
        return {one["task_id"]: one["state"] for one in answer.get("task_instances", [])}

    def words(self, task: str) -> str:
        """Everything in the logs of the task."""
        logs = self.settings.airflow_home / "logs"
        return "".join(file.read_text() for file in logs.rglob(f"task_id={task}/attempt=*.log"))


@pytest.fixture
def airflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Airflow]:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "fill.py").write_text(DAG)
    usual, folder = airflow_fixtures.environment, {"AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags")}
    monkeypatch.setattr(airflow_fixtures, "environment", lambda settings: {**usual(settings), **folder})
    with mounted(tmp_path / "home", "64m") as disk:
        settings = airflow_settings(disk.path)
        with api_server(settings, ["dags", "reserialize"]) as clients:
            running = Airflow(disk, clients["admin"], settings)
            yield running
            running.stop()


def test_tasks_on_a_full_disk_end_with_words_or_go_on_and_nothing_stays_running(airflow: Airflow) -> None:
    airflow.keep_the_scheduler()
    assert airflow.admin.patch("/api/v2/dags/fill", json={"is_paused": False}).is_success
    assert airflow.admin.post("/api/v2/dags/fill/dagRuns", json={"logical_date": None}).is_success
    both = {"talk": "running", "write": "running"}
    wait_until(lambda: airflow.states() == both, "both tasks being at work", PATIENCE)
    (airflow.disk.path / "both").touch()  # either would be over before a slow scheduler has begun the other
    made = airflow.disk.path / "made"
    wait_until(made.exists, "the task that writes being under way", PATIENCE)
    with airflow.disk.full():
        time.sleep(15)  # long enough for the scheduler to meet the disk too; whether it dies of it is its own matter
    made.unlink()
    done = {"talk": "success", "write": "success"}

    def ended_well() -> bool:
        airflow.keep_the_scheduler()
        return airflow.states() == done

    wait_until(ended_well, "both tasks having ended well", PATIENCE)
    failed = [json.loads(line) for line in airflow.words("write").splitlines() if "DiskFullError" in line]
    assert failed, "the log of the task says why its first try failed"
    words = failed[0]["error_detail"][0]["exc_value"]
    assert str(airflow.disk.path) in words
    assert "0.0 of 64.0 MiB" in words
    assert "line 99 " in airflow.words("talk"), "lines that were written after there was space again"
