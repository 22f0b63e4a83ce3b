"""Runs and registered versions in MLflow, over its REST API."""

import hashlib
import json
import math
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.contracts.development import DatasetRef, ModelFields, ModelRef, TrialRecord
from include.errors import DamagedFileError, DamagedStateError, NotFoundError, ServiceError
from include.formats import model_description
from include.process_environment import default_environment
from include.settings import Settings

if TYPE_CHECKING:
    from include.ports.state import Locks, StateStore

MODEL_FILE, DESCRIPTION_FILE = "model/model.zip", "model/MLmodel"
DATASET_FILE = "dataset.json"
KEY_TAG, HASH_TAG = "training_key", "artifact_hash"
SEARCH_TAG, TRIAL_TAG, PARENT_TAG = "search_key", "trial", "mlflow.parentRunId"
TRIAL_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
STORE, STORE_TAG, DEFAULT_EXPERIMENT = "stores/mlflow.json", "moebius.store", "0"
BATCH = 500  # metrics of one request; the server takes 1,000
# MLflow's own defaults (7 retries of 120 s) hide a dead server for many minutes.
CLIENT_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


class MlflowTracker:
    """The tracking server at ``settings.mlflow_url``.

    Every method raises ServiceError when the server does not answer as it must, NotFoundError when what is
    named does not exist.
    """

    def __init__(self, settings: Settings, locks: "Locks", state: "StateStore | None" = None) -> None:
        """``locks`` keep two processes from making one run or version twice: MLflow itself does not.

        ``state`` remembers which store this state root's versions are in; without it any store will do.
        """
        self._state, self._same = state, state is None
        self.url, self._locks = settings.mlflow_url, locks
        self._name = settings.registered
        self._settings = settings

    @cached_property
    def _client(self) -> Any:
        login = {"MLFLOW_TRACKING_USERNAME": self._settings.mlflow_user}
        if password := self._settings.mlflow_password_text():
            login["MLFLOW_TRACKING_PASSWORD"] = password
        default_environment(CLIENT_ENVIRONMENT | login)
        from mlflow.tracking import MlflowClient

        return MlflowClient(self.url)

    def log_training(
        self,
        usecase: str,
        dataset: DatasetRef,
        model: bytes,
        parameters: Mapping[str, Any],
        metrics: Mapping[str, float],
        documents: Mapping[str, str | bytes],
        *,
        key: str = "",
        revision: str = "",
        curve: Sequence[Mapping[str, float]] = (),
        tags: Mapping[str, str] | None = None,
        fields: ModelFields | None = None,
    ) -> ModelRef:
        """Log one run and register its model, once per ``key``: the same key again gives the same version.

        Without a key, dataset, parameters and model together are the key. A run that was cut short is completed.
        ``curve`` is the fit step by step (``step``, ``train``, ``validation``); ``tags`` are of run and version, to
        search by; ``fields`` are the signature that MLflow shows of the version.
        """
        fingerprint = hashlib.sha256(model).hexdigest()
        key = key or _default_key(dataset, parameters, fingerprint)
        files = {MODEL_FILE: model, DATASET_FILE: json.dumps(dataset.json_dict(), indent=1).encode()}
        files |= {path: _bytes(content) for path, content in documents.items()}
        own = {KEY_TAG: key, HASH_TAG: fingerprint, "dataset": dataset.name, "revision": revision or "unknown"}
        tags = {**(tags or {}), **own}
        with self._alone(usecase, KEY_TAG, key), self._asking(f"log a training of {usecase}"):
            if known := self.find(usecase, key):
                return known
            run_id = self._run(usecase, KEY_TAG, key, tags, name=dataset.name)
            self._log_figures(run_id, parameters, metrics)
            self._log_steps(run_id, curve)
            self._log_dataset(run_id, dataset)
            signed = {DESCRIPTION_FILE: _description(run_id, fingerprint, fields)} if fields else {}
            self._log_files(run_id, files | signed)
            self._client.set_terminated(run_id)
            return self._register(usecase, run_id, tags, dataset)

    def log_search(
        self, usecase: str, search: str, about: Mapping[str, str], trials: Sequence[TrialRecord] = ()
    ) -> str:
        """The id of the run of a search, made once; every trial that ended becomes a run below it, once."""
        with self._alone(usecase, SEARCH_TAG, search), self._asking(f"log search {search[:12]} of {usecase}"):
            tags = {SEARCH_TAG: search, **about}
            parent = self._run(usecase, SEARCH_TAG, search, tags, name=f"search {about.get('dataset', search[:12])}")
            known = self._logged_trials(usecase, parent) if trials else {}
            for trial in trials:
                if trial.state != "running" and known.get(str(trial.number)) not in TRIAL_STATUS.values():
                    self._log_trial(usecase, parent, trial)
        return parent

    def find(self, usecase: str, key: str) -> ModelRef | None:
        """The version that was registered under this training key, if any."""
        with self._asking(f"look for training {key[:12]} of {usecase}"):
            found = self._client.search_model_versions(f"name='{self._name(usecase)}' and tags.{KEY_TAG}='{key}'")
        return self.model(usecase, min(int(v.version) for v in found)) if found else None

    def model(self, usecase: str, version: int) -> ModelRef:
        with self._asking(f"read version {version} of {usecase}"):
            registered = self._client.get_model_version(self._name(usecase), str(version))
            dataset = self._read(registered.run_id, DATASET_FILE)
        return ModelRef(
            usecase=usecase,
            version=version,
            run_id=registered.run_id,
            uri=f"models:/{self._name(usecase)}/{version}",
            artifact_hash=registered.tags[HASH_TAG],
            dataset=DatasetRef.model_validate_json(dataset),
        )

    def load(self, model: ModelRef) -> bytes:
        """The artifact; raises DamagedFileError when it is not the one that was registered."""
        with self._asking(f"load {model.uri}"):
            content = self._read(model.run_id, MODEL_FILE)
        if (digest := hashlib.sha256(content).hexdigest()) != model.artifact_hash:
            raise DamagedFileError(
                f"{model.uri}: the stored model has hash {digest[:12]}, but {model.artifact_hash[:12]} was registered; "
                f"the artifact of run {model.run_id} was changed: put it back from a backup, or train again"
            )
        return content

    def document(self, model: ModelRef, path: str) -> str:
        return self.content(model, path).decode()

    def content(self, model: ModelRef, path: str) -> bytes:
        with self._asking(f"read {path} of {model.uri}"):
            return self._read(model.run_id, path)

    def add_document(self, model: ModelRef, path: str, text: str | bytes) -> None:
        with self._asking(f"write {path} of {model.uri}"):
            self._log_files(model.run_id, {path: _bytes(text)})

    def set_alias(self, usecase: str, alias: str, version: int) -> None:
        with self._asking(f"set alias {alias} of {usecase} to version {version}"):
            self._client.set_registered_model_alias(self._name(usecase), alias, str(version))

    def alias(self, usecase: str, alias: str) -> int | None:
        try:
            with self._asking(f"read alias {alias} of {usecase}"):
                aliases = self._client.get_registered_model(self._name(usecase)).aliases
        except NotFoundError:
            return None
        return int(aliases[alias]) if alias in aliases else None

    def tag(self, usecase: str, version: int, tags: Mapping[str, str]) -> None:
        with self._asking(f"tag version {version} of {usecase}"):
            for name, value in tags.items():
                self._client.set_model_version_tag(self._name(usecase), str(version), name, value)

    def tags(self, usecase: str, version: int) -> dict[str, str]:
        with self._asking(f"read the tags of version {version} of {usecase}"):
            return dict(self._client.get_model_version(self._name(usecase), str(version)).tags)

    def versions(self, usecase: str) -> list[int]:
        """All registered versions, oldest first; [] when there is none."""
        query = f"name='{self._name(usecase)}'"
        with self._asking(f"list the versions of {usecase}"):
            registered = _pages(lambda page: self._client.search_model_versions(query, page_token=page))
            return sorted(int(v.version) for v in registered)

    def forget(self, model: ModelRef) -> bool:
        """Delete the version, then its model file; whether both are gone. A repeated call finishes."""
        with self._asking(f"delete {model.uri}"):
            self._delete_version(model)
            self._files_of(model.run_id).delete_artifacts(MODEL_FILE)
            left = {file.path for file in self._client.list_artifacts(model.run_id, str(Path(MODEL_FILE).parent))}
            return MODEL_FILE not in left and model.version not in self.versions(model.usecase)

    def _delete_version(self, model: ModelRef) -> None:
        if model.version in self.versions(model.usecase):
            self._client.delete_model_version(self._name(model.usecase), str(model.version))

    def _files_of(self, run_id: str) -> Any:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        return get_artifact_repository(self._client.get_run(run_id).info.artifact_uri, tracking_uri=self.url)

    def store(self) -> str:
        """The id that this store of runs and versions has had since it was first used."""
        with self._asking("read the id of its store"):
            return self._client.get_experiment(DEFAULT_EXPERIMENT).tags.get(STORE_TAG, "")

    def _require_same_store(self, client: Any) -> None:
        """Raises DamagedStateError when the server has another store than the one that the versions are in."""
        if self._same or self._state is None:
            return
        with self._locks.hold("stores/mlflow"):
            value, found = self._state.get(STORE), client.get_experiment(DEFAULT_EXPERIMENT).tags.get(STORE_TAG, "")
            known = json.loads(value.text)["store"] if value else ""
            if known and known != found:
                raise DamagedStateError(
                    f"MLflow at {self.url} has {f'the store {found}' if found else 'a new store'}, and the versions "
                    f"and releases of this state root are in store {known}: put its database back (`moebius doctor`, "
                    f"or your backup), or take this one by `moebius doctor --accept {STORE}`"
                )
            if not found:
                client.set_experiment_tag(DEFAULT_EXPERIMENT, STORE_TAG, found := secrets.token_hex(8))
            if not known:
                self._state.put(STORE, json.dumps({"store": found}))
        self._same = True

    # -- parts of log_training
    def _run(self, usecase: str, tag: str, key: str, tags: Mapping[str, str], name: str) -> str:
        """The run of this key: the one that was cut short before it was finished, or a new one."""
        experiment = self._experiment(usecase)
        if begun := self._client.search_runs([experiment], f"tags.{tag} = '{key}'", max_results=1):
            return begun[0].info.run_id
        return self._client.create_run(experiment, tags=dict(tags), run_name=name).info.run_id

    def _experiment(self, usecase: str) -> str:
        with _unless_there():
            return self._client.create_experiment(self._name(usecase))
        return self._client.get_experiment_by_name(self._name(usecase)).experiment_id

    def _log_figures(self, run_id: str, parameters: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        self._client.log_batch(
            run_id,
            metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
            params=[Param(name, str(value)) for name, value in parameters.items()],
        )

    def _log_steps(self, run_id: str, curve: Sequence[Mapping[str, float]]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        points = [
            Metric(f"{part}_loss", float(entry[part]), now, int(entry["step"]))
            for entry in curve
            for part in ("train", "validation")
            if math.isfinite(entry.get(part, math.nan))
        ]
        for at in range(0, len(points), BATCH):
            self._client.log_batch(run_id, metrics=points[at : at + BATCH])

    def _log_dataset(self, run_id: str, dataset: DatasetRef) -> None:
        """The parts as MLflow's dataset inputs; the manifest itself is the artifact ``dataset.json``."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        for context in ("train", "validation", "test"):
            part = getattr(dataset, context)
            profile = {"rows": part.rows, "periods": part.periods, "content_hash": part.content_hash}
            name, digest, source = f"{dataset.name}.{context}", part.content_hash[:36], json.dumps({"uri": part.path})
            logged = Dataset(name, digest, "local", source, profile=json.dumps(profile))
            self._client.log_inputs(run_id, [DatasetInput(logged, [InputTag("mlflow.data.context", context)])])

    # -- parts of log_search
    def _logged_trials(self, usecase: str, parent: str) -> dict[str, str]:
        """Number of each trial below ``parent`` to the status of its run."""
        experiments, query = [self._experiment(usecase)], f"tags.`mlflow.parentRunId` = '{parent}'"
        runs = _pages(lambda page: self._client.search_runs(experiments, query, page_token=page))
        return {run.data.tags[TRIAL_TAG]: run.info.status for run in runs if TRIAL_TAG in run.data.tags}

    def _log_trial(self, usecase: str, parent: str, trial: TrialRecord) -> None:
        from mlflow.entities import Metric

        begun = int(trial.begun * 1000)
        ended = begun + int(trial.seconds * 1000)
        tags = {PARENT_TAG: parent, TRIAL_TAG: str(trial.number), "state": trial.state, "reason": trial.reason[:500]}
        key, name = f"{parent}/{trial.number}", f"trial {trial.number}"
        run_id = self._run(usecase, "trial_key", key, {**tags, "trial_key": key}, name)
        value = {} if trial.value is None else {"value": trial.value}
        self._log_figures(run_id, trial.parameters, {**value, "seconds": trial.seconds})
        steps = [Metric("reported", figure, begun, step) for step, figure in trial.steps.items()]
        self._client.log_batch(run_id, metrics=steps)
        self._client.set_terminated(run_id, status=TRIAL_STATUS[trial.state], end_time=ended)

    # -- files
    def _log_files(self, run_id: str, files: Mapping[str, bytes]) -> None:
        with tempfile.TemporaryDirectory() as directory:
            for path, content in files.items():
                target = Path(directory) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            self._client.log_artifacts(run_id, directory)

    def _register(self, usecase: str, run_id: str, tags: Mapping[str, str], dataset: DatasetRef) -> ModelRef:
        name, pages = self._name(usecase), f"{self._settings.airflow_url}/moebius"
        with _unless_there():
            self._client.create_registered_model(name, description=model_description.of_all(usecase, pages))
        source = f"{self._client.get_run(run_id).info.artifact_uri}/{Path(MODEL_FILE).parent}"
        made = self._client.create_model_version(name, source, run_id, tags=dict(tags), await_creation_for=None)
        words = model_description.of_version(usecase, int(made.version), dataset, pages)
        self._client.update_model_version(name, made.version, description=words)
        return self.model(usecase, int(made.version))

    # -- talking to the server
    def _alone(self, usecase: str, tag: str, key: str) -> AbstractContextManager[None]:
        """Nobody else makes the run or the version of this key meanwhile."""
        return self._locks.hold(f"training/{usecase}/locks/{tag}-{hashlib.sha256(key.encode()).hexdigest()[:16]}")

    def _read(self, run_id: str, path: str) -> bytes:
        with tempfile.TemporaryDirectory() as directory:
            return Path(self._client.download_artifacts(run_id, path, directory)).read_bytes()

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Turns what MLflow raises into our errors."""
        client = self._client  # MLflow's exceptions are importable only after its environment is set
        from mlflow.exceptions import MlflowException
        from requests.exceptions import RequestException

        try:
            self._require_same_store(client)
            yield
        except MlflowException as error:
            reason = str(error).strip().splitlines()[0]
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                raise NotFoundError(f"cannot {what}: {reason}") from error
            raise ServiceError(
                f"MLflow at {client.tracking_uri} could not {what}: {reason}; see make status"
            ) from error
        except RequestException as error:
            raise ServiceError(f"MLflow at {client.tracking_uri} could not {what}: {error}; see make status") from error


@contextmanager
def _unless_there() -> Iterator[None]:
    """Goes on when what was to be made exists already."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _pages(ask: Callable[[str | None], Any]) -> Iterator[Any]:
    """The entries of all pages; ``ask`` gets the token of a page, None for the first."""
    page = None
    while page != "":
        answer = ask(page)
        yield from answer
        page = answer.token or ""


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _description(run_id: str, fingerprint: str, fields: ModelFields) -> bytes:
    """An ``MLmodel`` file, which MLflow reads beside the model; no flavor of MLflow's own loads the model."""
    from mlflow.models import Model, ModelSignature
    from mlflow.types.schema import Array, ColSpec, DataType, Schema

    def schema(types: Mapping[str, str], required: bool) -> Any:
        kinds = {name: Array(DataType.float) if kind == "floats" else DataType[kind] for name, kind in types.items()}
        return Schema([ColSpec(kind, name, required=required) for name, kind in kinds.items()])

    signature = ModelSignature(schema(fields.inputs, required=False), schema(fields.outputs, required=True))
    file = {"data": Path(MODEL_FILE).name, "sha256": fingerprint}
    described = Model(
        artifact_path=str(Path(MODEL_FILE).parent), run_id=run_id, signature=signature, model_uuid=fingerprint[:32],
        flavors={"moebius": file},
    )  # fmt: skip
    return str(described.to_yaml()).encode()


def _default_key(dataset: DatasetRef, parameters: Mapping[str, Any], fingerprint: str) -> str:
    identity = json.dumps([dataset.name, dict(parameters), fingerprint], sort_keys=True, default=str)
    return hashlib.sha256(identity.encode()).hexdigest()
