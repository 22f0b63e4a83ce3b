"""What a page shows of a registered version, over MLflow's REST API alone.

MLflow's own client takes seconds to import, and imports Feast by an entry point: a web server must not load them.
"""

import json
from datetime import UTC, datetime
from typing import Any

import httpx

from include.contracts.development import RegisteredVersion
from include.errors import NotFoundError, ServiceError
from include.formats import certificates
from include.ports.development import RegisteredRun
from include.settings import Settings

TIMEOUT = 10.0
GONE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


class MlflowReader:
    """Documents of registered versions, and where MLflow shows them (fulfils ``ports.ExperimentReader``).

    Every method raises ServiceError when MLflow does not answer as it must, NotFoundError when what is named is not
    there.
    """

    def __init__(self, settings: Settings) -> None:
        self.url = settings.mlflow_url
        self._name = settings.registered
        self._login = httpx.BasicAuth(settings.mlflow_user, settings.mlflow_password_text())

    def lives(self) -> bool:
        """Whether it answers at all."""
        try:
            httpx.get(f"{self.url}/health", timeout=TIMEOUT, verify=certificates.needed(self.url))
        except httpx.HTTPError:
            return False
        return True

    def document(self, usecase: str, version: int, path: str) -> str:
        """A text that was stored with the version's run."""
        run = self._version(usecase, version)["run_id"]
        return self._get("/get-artifact", {"run_uuid": run, "path": path}, f"{path} of {_what(usecase, version)}")

    def registered(self, usecase: str, version: int) -> RegisteredVersion:
        """Parameters and metrics of its run, tags and description of the version."""
        known = self._version(usecase, version)
        answer = self._get("/api/2.0/mlflow/runs/get", {"run_id": known["run_id"]}, _what(usecase, version))
        data = json.loads(answer)["run"]["data"]
        made = known.get("creation_timestamp")
        return RegisteredVersion(
            version=version,
            description=known.get("description") or "",
            registered_at=datetime.fromtimestamp(int(made) / 1000, UTC) if made else None,
            tags=_pairs(known.get("tags", [])),
            parameters=_pairs(data.get("params", [])),
            metrics=_pairs(data.get("metrics", [])),
        )

    def _version(self, usecase: str, version: int) -> dict[str, Any]:
        query = {"name": self._name(usecase), "version": str(version)}
        answer = self._get("/api/2.0/mlflow/model-versions/get", query, _what(usecase, version))
        found: dict[str, Any] = json.loads(answer)["model_version"]
        return found

    def newest(self, usecase: str) -> RegisteredRun | None:
        """The newest version with what its run holds."""
        what = f"versions of {usecase}"
        query = {"filter": f"name='{self._name(usecase)}'", "max_results": "1", "order_by": "version_number DESC"}
        found = json.loads(self._get("/api/2.0/mlflow/model-versions/search", query, what)).get("model_versions", [])
        if not found:
            return None
        run = {"run_id": found[0]["run_id"]}
        files = json.loads(self._get("/api/2.0/mlflow/artifacts/list", run, what)).get("files", [])
        data = json.loads(self._get("/api/2.0/mlflow/runs/get", run, what))["run"]["data"]
        at = datetime.fromtimestamp(int(found[0]["creation_timestamp"]) / 1000, UTC)
        documents = frozenset(file["path"] for file in files)
        figures = {each["key"]: float(each["value"]) for each in data.get("metrics", [])}
        return RegisteredRun(int(found[0]["version"]), at, documents, figures)

    def page(self, usecase: str, version: int) -> str:
        """The address of the version in MLflow's own pages."""
        return f"{self.url}/#/models/{self._name(usecase)}/versions/{version}"

    def _get(self, path: str, query: dict[str, str], what: str) -> str:
        try:
            answer = httpx.get(
                f"{self.url}{path}", params=query, auth=self._login, timeout=TIMEOUT,
                verify=certificates.needed(self.url),
            )  # fmt: skip
        except httpx.HTTPError as error:
            raise ServiceError(f"MLflow at {self.url} could not read {what}: {error}; see `make status`") from error
        if answer.is_success:
            return answer.text
        code, reason = _reason(answer)
        if answer.status_code == httpx.codes.NOT_FOUND or code in GONE:
            raise NotFoundError(f"MLflow has no {what}: {reason}")
        raise ServiceError(f"MLflow at {self.url} could not read {what}: {reason}; see `make status`")


def _what(usecase: str, version: int) -> str:
    return f"version {version} of {usecase}"


def _pairs(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """MLflow's lists of ``key`` and ``value``."""
    return {str(entry["key"]): entry["value"] for entry in entries}


def _reason(answer: httpx.Response) -> tuple[str, str]:
    """MLflow's error code, and its message or the status."""
    status = f"{answer.status_code} {answer.reason_phrase}"
    try:
        body: Any = answer.json()
    except ValueError:
        return "", status
    return (body.get("error_code", ""), body.get("message", status)) if isinstance(body, dict) else ("", status)
