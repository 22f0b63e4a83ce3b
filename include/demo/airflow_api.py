"""What an operator does in the demo, through Airflow's public REST API."""

import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote

import httpx

from include.errors import MoebiusError, ServiceError
from include.formats import certificates
from include.governance.answers import REASON
from include.governance.rights import may
from include.platform import airflow
from include.platform.patience import Patience
from include.settings import Settings

PATIENCE_SECONDS = 120.0
POLL_SECONDS = 1.0
UNFINISHED = ("queued", "running")
PAGE = 100
FAULTY = "specifications.py"
"""The DAG file that lists the faulty use cases."""
WAITING = ("awaiting_input", "deferred")


class RunFailedError(MoebiusError):
    """A DAG run failed; names the run, the task and where its log is."""


class CallRefusedError(ServiceError):
    """Airflow refused a call; ``status`` is that of HTTP."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Airflow:
    """A logged-in operator, by default the administrator; questions are answered by another login.

    ``watch`` is called with every poll of a run that is waited for: (run, its task instances).
    """

    def __init__(self, settings: Settings, watch: Callable[[dict, list[dict]], None], login: str | None = None) -> None:
        self.settings, self.watch, self.login = settings, watch, login or settings.airflow_user
        url = f"{settings.airflow_url}/api/v2"
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False, verify=certificates.needed(url))
        self._login()

    def _login(self) -> None:
        login = {"username": self.login, "password": airflow.logins(self.settings).get(self.login, "")}
        answer = self._patiently(lambda: self._http.post(f"{self.settings.airflow_url}/auth/token", json=login))
        if not answer.is_success:
            reason = f"{answer.status_code} {answer.text}"
            raise ServiceError(f"Airflow refused the login of {login['username']!r}: {reason}")
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def close(self) -> None:
        self._http.close()
        if "_approver" in vars(self):
            self._approver.close()

    @cached_property
    def _approver(self) -> "Airflow":
        """Another login that may answer: who triggered a run cannot approve what it asks for."""
        users = self.settings.airflow_users
        allowed = [user for user, role in users.items() if may(role, "retrain_evaluation", "answer")]
        return Airflow(self.settings, self.watch, next(iter(allowed), self.settings.airflow_user))

    def call(self, method: str, path: str, **options: Any) -> dict:
        """One REST call; a passing connection fault or 5xx is tried again for two minutes, when Airflow says so."""
        answer = self._patiently(lambda: self._http.request(method, path, **options))
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._login()
            answer = self._patiently(lambda: self._http.request(method, path, **options))
        if not answer.is_success:
            raise CallRefusedError(
                f"Airflow: {method} {path} gave {answer.status_code}: {answer.text[:500]}", answer.status_code
            )
        return answer.json()

    def _patiently(self, ask: Callable[[], httpx.Response]) -> httpx.Response:
        """Its answer; while the API server is being restarted, or says that it is busy, it is asked again."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            pause = 0.5
            try:
                answer = ask()
            except httpx.TransportError as error:
                if time.monotonic() > deadline:
                    raise ServiceError(f"Airflow at {self.settings.airflow_url} does not answer: {error}") from error
            else:
                if not answer.is_server_error or time.monotonic() > deadline:
                    return answer
                wanted = answer.headers.get("Retry-After", "")
                pause = max(pause, float(wanted)) if wanted.isascii() and wanted.isdigit() else pause
            time.sleep(pause)

    def pages(self, path: str, key: str, order_by: str, **query: Any) -> Iterator[dict]:
        """Every entry of a list, a page after the other: Airflow gives at most 100 at once, whatever is asked for."""
        seen = 0
        while True:
            parameters = {**query, "order_by": order_by, "limit": PAGE, "offset": seen}
            answer = self.call("GET", path, params=parameters)
            yield from answer[key]
            seen += len(answer[key])
            if not answer[key] or seen >= answer["total_entries"]:
                return

    def dags(self) -> set[str]:
        return {dag["dag_id"] for dag in self.pages("/dags", "dags", "dag_id")}

    def import_errors(self, usecase: str) -> list[str]:
        """Files that Airflow cannot import, less what only says that other use cases are faulty."""
        errors = self.pages("/importErrors", "import_errors", "id")
        concerning = (e for e in errors if not e["filename"].endswith(FAULTY) or usecase in e["stack_trace"])
        return [f"{error['filename']}: {error['stack_trace']}" for error in concerning]

    def trigger(
        self, dag_id: str, conf: dict | None = None, partition_key: str | None = None, run_id: str = ""
    ) -> dict:
        """Start a run, once: its id is ours, so a call whose answer was lost can be repeated.

        With ``run_id`` the run of that name, whoever started it: an interrupted play finds its own.
        """
        run_id = run_id or f"manual__{now().isoformat()}_{secrets.token_hex(4)}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf or {}, "partition_key": partition_key}
        try:
            return self.call("POST", f"/dags/{dag_id}/dagRuns", json=body)
        except CallRefusedError as error:
            if error.status != httpx.codes.CONFLICT:
                raise
            return self.call("GET", f"/dags/{dag_id}/dagRuns/{quote(run_id)}")

    def runs(self, dag_id: str, **query: Any) -> Iterator[dict]:
        """Newest first; a run that starts meanwhile may make one come twice. ``query`` are filters of the REST API."""
        return self.pages(f"/dags/{dag_id}/dagRuns", "dag_runs", "-run_after", **query)

    def find(self, dag_id: str, *, after: datetime | None = None, partition: str | None = None) -> dict | None:
        """The newest run of the DAG that is not older than ``after`` and has the partition key."""
        for run in self.runs(dag_id):
            fresh = after is None or datetime.fromisoformat(run["run_after"]) >= after
            if fresh and (partition is None or run["partition_key"] == partition):
                return run
        return None

    def unfinished(self, dag_ids: Iterator[str] | list[str]) -> list[dict]:
        return [run for dag_id in dag_ids for run in self.runs(dag_id, state=list(UNFINISHED))]

    def tasks(self, run: dict) -> list[dict]:
        path = f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances"
        return list(self.pages(path, "task_instances", "id"))

    def wait(self, run: dict, on_question: Callable[[dict], None] | None = None) -> dict:
        """Wait until the run ended well; a run that had failed before is started over first.

        Raises RunFailedError with DAG, task and log file when it failed.
        """
        if run["state"] == "failed":
            again = {"dry_run": False, "only_failed": False}
            self.call("POST", f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/clear", json=again)
        while True:
            run = self.call("GET", f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}")
            tasks = self.tasks(run)
            self.watch(run, tasks)
            for task in tasks:
                if on_question and task["state"] in WAITING:
                    on_question(task)
            if run["state"] == "success":
                return run
            if run["state"] == "failed":
                raise RunFailedError(self._failure(run, tasks))
            time.sleep(POLL_SECONDS)

    def wait_for(
        self, dag_id: str, *, after: datetime | None = None, partition: str | None = None, seconds: float = 180
    ) -> dict:
        """The run that an asset event starts; ServiceError when none appears in ``seconds`` of a machine with time."""
        patience = Patience(seconds)
        while (run := self.find(dag_id, after=after, partition=partition)) is None:
            if patience.fault():
                raise ServiceError(
                    f"no run of {dag_id} started within {seconds:.0f} s; check in the Airflow UI whether it is paused"
                )
            time.sleep(0.3)
        return run

    def question(self, task: dict) -> dict:
        return self.call("GET", f"{_task_path(task)}/hitlDetails")

    def answer(self, task: dict, option: str) -> dict:
        reason = f"the demo answers as {self._approver.login}"
        body = {"chosen_options": [option], "params_input": {REASON: reason}}
        return self._approver.call("PATCH", f"{_task_path(task)}/hitlDetails", json=body)

    def _failure(self, run: dict, tasks: list[dict]) -> str:
        failed = next((t for t in tasks if t["state"] == "failed"), None)
        if failed is None:
            page = f"{self.settings.airflow_url}/dags/{run['dag_id']}"
            return f"{run['dag_id']} run {run['dag_run_id']} failed; see {page}"
        logs = self.settings.airflow_home / "logs" / f"dag_id={run['dag_id']}" / f"run_id={run['dag_run_id']}"
        log = logs / f"task_id={failed['task_id']}" / f"attempt={failed['try_number']}.log"
        return f"{run['dag_id']}: task '{failed['task_id']}' failed (run {run['dag_run_id']}).\nLog: {log}"


def _task_path(task: dict) -> str:
    return f"/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}/{task['map_index']}"


def now() -> datetime:
    return datetime.now(UTC)
