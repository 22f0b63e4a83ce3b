"""Airflow's REST API with the token of a person: what the person may not do there is refused there."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from include.errors import ServiceError
from include.formats import certificates

SECONDS = 15.0
"""The longest that an answer is waited for."""
WAITING = {"response_received": "false", "limit": "20", "order_by": "-created_at"}


class Reply(NamedTuple):
    """What Airflow answered: the status of HTTP and the JSON, {} when it was none."""

    status: int
    content: dict[str, Any]

    @property
    def good(self) -> bool:
        return self.status < 400

    @property
    def detail(self) -> str:
        """Why it refused, in its own words."""
        found = self.content.get("detail", "")
        if isinstance(found, list):  # one entry for each field that is not as it must be
            return "; ".join(f"{'.'.join(map(str, one.get('loc', [])))}: {one.get('msg', '')}" for one in found)
        return str(found.get("reason") or found) if isinstance(found, dict) else str(found)


class AirflowRest:
    """Calls for one person. Every method raises ServiceError when Airflow does not answer.

    ``page`` is the address of the page that asks, which Airflow keeps with a run as where it came from.
    """

    def __init__(self, url: str, token: str, page: str = "", transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} | ({"Referer": page} if page else {})
        self._url = url
        self._http = httpx.Client(
            base_url=f"{url}/api/v2", headers=headers, timeout=SECONDS, trust_env=False, transport=transport,
            verify=certificates.needed(url),
        )  # fmt: skip

    def dag(self, dag_id: str) -> Reply:
        """The DAG with the fields of its form, ``params``."""
        return self._asked("GET", f"/dags/{quote(dag_id)}/details")

    def start(self, dag_id: str, run_id: str, form: Mapping[str, Any]) -> Reply:
        """A run with its form filled in; 409 when there is one of this name."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(form)}
        return self._asked("POST", f"/dags/{quote(dag_id)}/dagRuns", json=body)

    def run(self, dag_id: str, run_id: str) -> Reply:
        """A run and its state."""
        return self._asked("GET", _run(dag_id, run_id))

    def tasks(self, dag_id: str, run_id: str) -> Reply:
        """``task_instances`` of a run."""
        return self._asked("GET", f"{_run(dag_id, run_id)}/taskInstances")

    def fault(self, dag_id: str, run_id: str, task_id: str, attempt: int) -> str:
        """The error in the log of a task, in its words; '' when there is none, or the log is not for this person."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{quote(task_id)}/logs/{attempt}"
        lines = self._asked("GET", path, headers={"Accept": "application/json"}).content.get("content", [])
        faults = [one for line in lines if isinstance(line, dict) for one in line.get("error_detail") or []]
        return str(faults[-1].get("exc_value", "")) if faults else ""

    def questions(self, dag_id: str, run_id: str = "~") -> Reply:
        """``hitl_details`` that wait for an answer, the newest first; of every run by default."""
        return self._asked("GET", f"{_run(dag_id, run_id)}/hitlDetails", params=WAITING)

    def question(self, dag_id: str, run_id: str, task_id: str) -> Reply:
        """One required action."""
        return self._asked("GET", _question(dag_id, run_id, task_id))

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str, fields: Mapping[str, Any]) -> Reply:
        """Answer a required action; 409 when somebody did."""
        body = {"chosen_options": [option], "params_input": dict(fields)}
        return self._asked("PATCH", _question(dag_id, run_id, task_id), json=body)

    def close(self) -> None:
        self._http.close()

    def _asked(self, method: str, path: str, **options: Any) -> Reply:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ServiceError(f"Airflow at {self._url} did not answer {method} {path}: {error}") from error
        try:
            content = answer.json()
        except ValueError:
            content = {"detail": answer.text[:500]}
        return Reply(answer.status_code, content if isinstance(content, dict) else {})


def _run(dag_id: str, run_id: str) -> str:
    return f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='~')}"


def _question(dag_id: str, run_id: str, task_id: str) -> str:
    return f"{_run(dag_id, run_id)}/taskInstances/{quote(task_id)}/-1/hitlDetails"
