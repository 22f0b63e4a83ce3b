"""Composition root: settings → adapters, and where each use case keeps its state; nothing opens before first use."""

import math
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx
from pydantic import ValidationError

from include.contracts.deployment import ReleaseRef, RolloutEvent, RolloutState
from include.contracts.evaluation import Verdict
from include.contracts.operations import Figure, RetrainPlan
from include.contracts.quality import GateResult
from include.contracts.streaming import Reconciliation
from include.contracts.tables import SnapshotRef
from include.errors import MissingPeriodError, NotFoundError, SettingsError, SpecError
from include.ports import ExperimentTracker, FeatureStore, Lake, MetricsServer, ReleaseStore, SourceConnector, Validator
from include.settings import Settings, load_settings, resolve
from include.specification.loader import load_usecase, usecase_names
from include.specification.usecase import UseCase

if TYPE_CHECKING:  # imported on first use: the SDKs are heavy
    from include.adapters.event_stream import RedisEventStream
    from include.adapters.export_files import ExportFiles
    from include.adapters.kserve import KServe
    from include.adapters.model_server import TritonServer
    from include.adapters.prediction_log import PredictionSpool
    from include.governance.access import Access
    from include.governance.pseudonyms import KeyRing


OWN = "own"
CONNECTORS = {
    "file": "include.adapters.file_source.FileSource",
    "sql": "include.adapters.sql_source.SqlSource",
    "http": "include.adapters.http_source.HttpSource",
}
"""What ``sources.<table>.connector`` may say: name → class. ``own`` is the use case's own ``source.py``."""


class Services:
    """The outside systems of one process."""

    def __init__(
        self, settings: Settings, resolve: Callable[[str], str] = resolve, vault: Callable[[], str] = lambda: ""
    ) -> None:
        """``vault`` gives the pseudonym keys when neither the environment nor the state root has them."""
        self.settings, self.vault = settings, vault
        self.resolve = resolve  # puts ``${NAME}`` of a source's options in clear

    # -- adapters
    @cached_property
    def lake(self) -> Lake:
        from include.adapters.lake import DeltaLake

        return DeltaLake(self.settings.lake)

    @cached_property
    def validator(self) -> Validator:
        from include.adapters.scan import ParquetScan
        from include.adapters.validator import ExpectationEngine
        from include.data.validation import SuiteValidator

        scan, sampled = ParquetScan(self.settings.memory_limit), self.settings.environment == "dev"
        return SuiteValidator(self.settings.suites, ExpectationEngine(), scan, self.settings.scan_rows, sampled)

    @cached_property
    def feature_store(self) -> FeatureStore:
        from include.adapters.feature_store import FeastFeatureStore

        return FeastFeatureStore(self.settings)

    @cached_property
    def tracker(self) -> ExperimentTracker:
        from include.adapters.experiment_tracker import MlflowTracker

        return MlflowTracker(self.settings)

    @cached_property
    def metrics_server(self) -> MetricsServer:
        from include.adapters.metrics_server import Prometheus

        return Prometheus(self.settings.prometheus_url)

    @cached_property
    def releases(self) -> ReleaseStore:
        from include.adapters.release_store import DirectoryReleases

        return DirectoryReleases(self.settings.releases)

    def connector(self, spec: UseCase, table: str, delivered: Path | None = None) -> SourceConnector:
        """The connector of a raw table, or of the file that was delivered in its place.

        Raises
        ------
        SpecError
            no such connector, or an option that it does not know.
        MissingPeriodError
            this is dev, which calls no source: only what was handed over is there.
        """
        source = spec.sources[table]
        if delivered:
            said = source.options if source.connector == "file" else {}
            options = {k: v for k, v in said.items() if k in ("null_values", "delimiter")} | {"path": str(delivered)}
            return _connector(f"{spec.name}: {delivered.name}", "file", options, str)
        if self.settings.environment == "dev":
            raise MissingPeriodError(
                f"{spec.name}.{table}: this month was not handed over to dev, and dev calls no source; run "
                f"`{spec.name}.hand_over` in prod, have it approved, then `{spec.name}.take_in` here"
            )
        if source.connector == OWN:
            return cast(SourceConnector, import_module(f"include.usecases.{spec.name}.source"))
        return _connector(f"{spec.name}: sources.{table}", source.connector, source.options, self.resolve)

    @cached_property
    def exports(self) -> "ExportFiles":
        from include.adapters.export_files import ExportFiles

        return ExportFiles(self.settings.exchange)

    @cached_property
    def access(self) -> "Access":
        """Which role may read what; raises AccessError when a setting names a table that is not known."""
        from include.governance.access import Access

        access = Access(roles=self.settings.access, tables=self.settings.table_access)
        access.check(load_usecase(name) for name in usecase_names())
        return access

    def model_server(self, spec: UseCase) -> "TritonServer":
        from include.adapters.model_server import TritonServer

        return TritonServer(self.settings, spec.request, spec.inputs)

    @cached_property
    def kserve(self) -> "KServe":
        """The model server as client systems see it."""
        from include.adapters.kserve import KServe

        return KServe(self.settings)

    def prediction_log(self, spec: UseCase) -> "PredictionSpool":
        from include.adapters.prediction_log import PredictionSpool

        directory = self.settings.prediction_spool / spec.name
        texts = {f.name for f in spec.features if f.kind != "numeric"}
        return PredictionSpool(directory, spec.inputs, spec.feature_names, spec.event.time, texts)

    def event_stream(self, spec: UseCase, view: str) -> "RedisEventStream":
        from include.adapters.event_stream import RedisEventStream

        return RedisEventStream(self.settings.redis_address, spec.name, view, self.settings.stream_backlog)

    def scoring_stream(self, spec: UseCase) -> "RedisEventStream":
        """The stream of requests; raises SpecError when the use case has none."""
        from include.adapters.event_stream import RedisEventStream

        if (of := spec.scoring) is None:
            raise SpecError(f"{spec.name} scores no stream: its usecase.yaml has no `scoring: {{stream: <name>}}`")
        address, limit = self.settings.redis_address, self.settings.stream_backlog
        return RedisEventStream(address, spec.name, of.stream, limit, group="scoring", keep=of.keep_results)

    # -- privacy
    @cached_property
    def pseudonym_keys(self) -> "KeyRing | None":
        """The keys of pseudonyms; None when there are none. Raises SettingsError, which shows no secret."""
        from include.governance.pseudonyms import KeyRing

        text = self.settings.keys_text() or self.vault()
        try:
            return KeyRing.parse(text) if text else None
        except ValueError as error:
            raise SettingsError(f"MOEBIUS_PSEUDONYM_KEYS cannot be used: {error}") from None

    # -- places
    def landing(self, spec: UseCase) -> Path:
        return self.settings.landing / spec.name

    def staging(self, spec: UseCase, run: str) -> Path:
        return self.settings.staging / spec.name / run

    def quarantine(self, spec: UseCase) -> Path:
        return self.settings.home / "quarantine" / spec.name

    def snapshots(self, spec: UseCase) -> Path:
        return self.settings.snapshots / spec.name

    def privacy_state(self, spec: UseCase) -> Path:
        """Which key is in use, and who was erased: ``active_key``, ``erased.json``."""
        return self.settings.home / "privacy" / spec.name

    def rollout_file(self, spec: UseCase) -> Path:
        return self.settings.releases / spec.name / "rollout.json"

    # -- records, oldest first
    def snapshot_refs(self, spec: UseCase) -> list[SnapshotRef]:
        from include.data import versioning

        return versioning.published(self.snapshots(spec))

    def all_snapshots(self, spec: UseCase) -> list[SnapshotRef]:
        """The current and every named snapshot."""
        named = sorted((self.snapshots(spec) / "named").glob("*.json"))
        return self.snapshot_refs(spec) + [SnapshotRef.model_validate_json(f.read_text()) for f in named]

    def published(self, spec: UseCase) -> list[str]:
        return [s.period for s in self.snapshot_refs(spec)]

    def gate_results(self, spec: UseCase) -> list[GateResult]:
        from include.data import quality

        return quality.results(spec, self.lake)

    def quarantined_rows(self, spec: UseCase) -> list[dict]:
        """The last word on every row that a gate held."""
        from include.data import quarantine

        return quarantine.current(spec, self.lake)

    def figures(self, spec: UseCase) -> list[Figure]:
        return [Figure.model_validate(row) for row in self._rows(spec, "figures")]

    def reconciliations(self, spec: UseCase) -> list[Reconciliation]:
        from include.streaming import reconciliation

        return reconciliation.results(spec, self.lake)

    def decisions(self, spec: UseCase) -> list[RetrainPlan]:
        records = [RetrainPlan.model_validate_json(row["record"]) for row in self._rows(spec, "decisions")]
        return sorted(records, key=lambda d: d.decided_at)

    def rollout_events(self, spec: UseCase) -> list[RolloutEvent]:
        """Every change of what serves, every judgement of a rollout, every drill."""
        from include.deployment import events

        return events.events(spec, self.lake)

    def verdicts(self, spec: UseCase) -> list[Verdict]:
        records = [Verdict.model_validate_json(row["record"]) for row in self._rows(spec, "verdicts")]
        return sorted(records, key=lambda v: v.decided_at)

    def _rows(self, spec: UseCase, table: str) -> list[dict]:
        return self.lake.read(spec.name, table).to_pylist() if self.lake.exists(spec.name, table) else []

    # -- what serves
    def rollout_state(self, spec: UseCase) -> RolloutState | None:
        from include.deployment import rollout

        return rollout.read(self.rollout_file(spec))

    def require_rollout_state(self, spec: UseCase) -> RolloutState:
        state = self.rollout_state(spec)
        if state is None:
            raise NotFoundError(f"{spec.name} has no release that serves: deploy one first")
        return state

    def champion(self, spec: UseCase) -> ReleaseRef | None:
        """The release that the rollout state names, or None before the first."""
        state = self.rollout_state(spec)
        return self.releases.get(spec.name, state.champion) if state else None

    def served_generation(self, spec: UseCase) -> int | None:
        """The rollout generation that every process of the model server follows at least; None when none says so."""
        url = f"http://{self.settings.host}:{self.settings.triton_metrics_port}/metrics"
        try:
            text = httpx.get(url, timeout=5, trust_env=False).text
        except httpx.HTTPError:
            return None
        told = (line for line in text.splitlines() if line.startswith("moebius_rollout_generation{"))
        values = [float(line.rsplit(" ", 1)[1]) for line in told if f'usecase="{spec.name}"' in line]
        return int(min(values)) if values and math.isfinite(min(values)) else None


def _connector(place: str, name: str, options: Mapping[str, Any], resolve: Callable[[str], str]) -> SourceConnector:
    if name not in CONNECTORS:
        raise SpecError(f"{place}.connector = {name!r}: there are {', '.join([*CONNECTORS, OWN])}")
    path, kind = CONNECTORS[name].rsplit(".", 1)
    module = import_module(path)
    try:
        return getattr(module, kind)(module.Options.model_validate(options), resolve)
    except ValidationError as error:
        allowed = ", ".join(module.Options.model_fields)
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'options'}: {e['msg']}" for e in error.errors())
        raise SpecError(f"{place}.options: {faults}. The connector {name!r} knows: {allowed}") from None


@lru_cache
def services() -> Services:
    """The services of this process."""
    return Services(load_settings())
