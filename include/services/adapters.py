"""The outside systems of one process; nothing opens before first use."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from include.contracts.pseudonyms import KeyRing, is_token
from include.errors import MissingPeriodError, SpecError
from include.governance.privacy_state import PrivacyState
from include.ports.archives import ArchiveStore
from include.ports.audit import AuditLog, SubjectKeys
from include.ports.development import ExperimentReader, ExperimentTracker
from include.ports.exports import ExportStore
from include.ports.features import FeatureStore
from include.ports.lake import Lake
from include.ports.metrics import MetricsServer
from include.ports.notices import Channels
from include.ports.online import OnlineKeys
from include.ports.quality import Validator
from include.ports.serving import InferenceProtocol, ModelServer, ReleaseStore
from include.ports.signatures import Signatures
from include.ports.sources import SourceConnector
from include.ports.state import Locks, StateStore
from include.services import small_state
from include.settings import Settings
from include.specification import modules
from include.specification.connectors import OPTIONS, OWN, connector_faults
from include.specification.usecase import UseCase

if TYPE_CHECKING:  # imported on first use: the SDKs are heavy
    from include.adapters.cost_spool import CostSpool
    from include.adapters.event_stream import RedisEventStream
    from include.adapters.prediction_log import PredictionSpool
    from include.adapters.unreadable_records import UnreadableRecords
    from include.governance.online_copies import OnlineCopies

PREDICTION_LOG, COSTS = READERS = ("prediction_log", "costs")
"""Who keeps aside what it cannot read."""
CONNECTORS = {
    "file": "include.adapters.file_source.FileSource",
    "sql": "include.adapters.sql_source.SqlSource",
    "http": "include.adapters.http_source.HttpSource",
}
"""The connectors of ``specification.connectors``: name → class."""


class Adapters:
    """Makes each adapter once, from the settings."""

    def __init__(self, settings: Settings, resolve: Callable[[str], str]) -> None:
        self.settings = settings
        self.resolve = resolve  # puts ``${NAME}`` of a source's options in clear

    @cached_property
    def locks(self) -> Locks:
        return small_state.locks(self.settings)

    @cached_property
    def audit(self) -> AuditLog:
        from include.adapters.audit_log import FileAuditLog, SqliteSubjectKeys

        settings = self.settings
        keys = SqliteSubjectKeys(settings.audit_subject_keys)
        return FileAuditLog(
            settings.audit, self.locks, keys, self.signatures, settings.audit_checkpoints, self._pseudonym
        )

    @cached_property
    def audit_keys(self) -> SubjectKeys:
        """The keys of people in the audit log."""
        from include.adapters.audit_log import SqliteSubjectKeys

        return SqliteSubjectKeys(self.settings.audit_subject_keys)

    def _pseudonym(self, usecase: str, value: str) -> str:
        """The token of a person's value, where there are keys; the value itself in a process without them."""
        text, note = self.settings.keys_text(), PrivacyState(usecase, self.state, self.locks).key_note()
        if not text or is_token(value):
            return value
        try:
            ring = KeyRing.parse(text)
            return (ring.noted(note) if note else ring).token(value)
        except ValueError:  # whoever uses the keys says what is wrong with them
            return value

    @cached_property
    def channels(self) -> Channels:
        from include.adapters.webhook import Webhooks

        return Webhooks()

    @cached_property
    def state(self) -> StateStore:
        return small_state.state(self.settings)

    def private_state(self, root: Path) -> StateStore:
        """State of a trial, which ends with the directory ``root``."""
        from include.adapters.file_locks import FileLocks
        from include.adapters.file_state import FileState

        return FileState(root, FileLocks(root))

    @cached_property
    def lake(self) -> Lake:
        from include.adapters.lake import DeltaLake
        from include.governance.record_events import mirrored

        return DeltaLake(self.settings.lake, partial(mirrored, lambda: self.audit))

    @cached_property
    def validator(self) -> Validator:
        from include.adapters.scan.parquet import ParquetScan
        from include.adapters.validator import ExpectationEngine
        from include.data.validation import SuiteValidator

        scan, sampled = ParquetScan(self.settings.memory_limit), self.settings.environment == "dev"
        return SuiteValidator(self.settings.suites, ExpectationEngine(), scan, sampled)

    @cached_property
    def feature_store(self) -> FeatureStore:
        from include.adapters.feature_store import FeastFeatureStore

        return FeastFeatureStore(self.settings)

    @cached_property
    def tracker(self) -> ExperimentTracker:
        from include.adapters.experiment_tracker import MlflowTracker

        return MlflowTracker(self.settings, self.locks, self.state)

    def expectation_types(self) -> frozenset[str]:
        """What the suites of the gates may name."""
        from include.adapters.validator import expectation_types

        return expectation_types()

    def require_valid_bom(self, text: str) -> None:
        """Raises DeploymentError when a bill of materials does not fit its schema."""
        from include.adapters.bom_schema import require_valid

        require_valid(text)

    def query_fault(self, query: str) -> str:
        """Why an abort query is no PromQL; '' when it is, or nobody can tell."""
        from include.adapters.metrics_server import query_fault

        return query_fault(query)

    @cached_property
    def experiment_reader(self) -> ExperimentReader:
        """What pages ask of the tracker, without its heavy client."""
        from include.adapters.experiment_reader import MlflowReader

        return MlflowReader(self.settings)

    @cached_property
    def metrics_server(self) -> MetricsServer:
        return metrics_server(self.settings.prometheus_url)

    @cached_property
    def releases(self) -> ReleaseStore:
        from include.adapters.release_store import DirectoryReleases

        return DirectoryReleases(self.settings.releases, self.locks, self.signatures)

    @cached_property
    def archives(self) -> ArchiveStore:
        from include.adapters.archive_files import ArchiveFiles

        return ArchiveFiles(self.settings.archive)

    @cached_property
    def signatures(self) -> Signatures:
        from include.adapters.signatures import StateRootSignatures

        return StateRootSignatures(self.settings.approval_key_text(), self.settings.approval_public_keys)

    def connector(self, spec: UseCase, table: str, delivered: Path | None = None) -> SourceConnector:
        """The connector of a raw table, or of the file that was delivered in its place.

        Raises SpecError when there is no such connector, or an option that it does not know; MissingPeriodError in dev,
        which calls no source: only what was handed over is there.
        """
        source = spec.sources[table]
        if delivered:
            said = source.options if source.connector == "file" else {}
            options = {k: v for k, v in said.items() if k in ("null_values", "delimiter")} | {"path": str(delivered)}
            return _connector(f"{spec.name}: {delivered.name}", "file", options, str)
        if self.settings.environment == "dev":
            raise MissingPeriodError(
                f"{spec.name}.{table}: this period was not handed over to dev, and dev calls no source; run "
                f"`{spec.name}.hand_over` in prod, have it approved, then `{spec.name}.take_in` here"
            )
        if source.connector == OWN:
            modules.function(spec.name, "source", "read")
            return cast(SourceConnector, import_module(f"include.usecases.{spec.name}.source"))
        return _connector(f"{spec.name}: sources.{table}", source.connector, source.options, self.resolve)

    @cached_property
    def exports(self) -> ExportStore:
        from include.adapters.export_files import ExportFiles

        return ExportFiles(self.settings.exchange)

    def online_copies(self, spec: UseCase) -> "OnlineCopies":
        """What a use case keeps online, in every store: another one may have been in use earlier.

        Raises ServiceError when a Redis that is needed does not answer.
        """
        from include.adapters.redis_contents import RedisContents
        from include.adapters.redis_keys import RedisKeys
        from include.adapters.sqlite_keys import SqliteKeys
        from include.adapters.stream_contents import RedisStreams
        from include.governance.online_copies import OnlineCopies

        settings, address = self.settings, self.settings.redis_address
        stores: dict[str, OnlineKeys] = {"feature_store/online": SqliteKeys(settings.feature_store / "online.db")}
        server = RedisContents(address, settings.online_store == "redis" or bool(settings.redis_url))
        if not server.runs():
            return OnlineCopies(stores, [], None)
        stores["redis/online"] = RedisKeys(address, settings.feature_project)
        return OnlineCopies(stores, [RedisStreams(address, spec.name)], server)

    def model_server(self, spec: UseCase) -> ModelServer:
        from include.adapters.model_server import TritonServer

        return TritonServer(self.settings, spec.request, spec.inputs)

    @cached_property
    def model_servers(self) -> Sequence[ModelServer]:
        """Every one that answers, to control: the embedded one, and the gateway's others. They are asked no request."""
        from include.adapters.model_server import TritonServer

        replicas = [self.settings.replica(server) for server in self.settings.gateway_servers]
        return [TritonServer(one, {}, {}) for one in (self.settings, *replicas)]

    @cached_property
    def kserve(self) -> InferenceProtocol:
        """The model server as client systems see it."""
        from include.adapters.kserve import KServe

        return KServe(self.settings)

    def prediction_log(self, spec: UseCase) -> "PredictionSpool":
        from include.adapters.prediction_log import PredictionSpool
        from include.contracts.logged_records import LogSchema
        from include.contracts.request_rules import Times

        texts = {f.name for f in spec.features if f.kind != "numeric"}
        schema = LogSchema(
            spec.inputs, spec.request, spec.feature_names, spec.event.time, Times(**spec.times), texts,
            lambda: self._release_names(spec),
        )  # fmt: skip
        unreadable = self.unreadable_records(spec.name, PREDICTION_LOG)
        return PredictionSpool(self.settings.prediction_spool / spec.name, self.locks, schema, unreadable)

    def _release_names(self, spec: UseCase) -> set[str]:
        """Also of those that were retired: their last answers may still be on their way."""
        retired = {one.name for one in self.releases.retired(spec.name)}
        return retired | {one.name for one in self.releases.all(spec.name)}

    def unreadable_records(self, usecase: str, reader: str) -> "UnreadableRecords":
        """What this reader could not read."""
        from include.adapters.unreadable_records import UnreadableRecords

        return UnreadableRecords(self.settings.unreadable / usecase, reader)

    def cost_spool(self, usecase: str) -> "CostSpool":
        """What tasks took, until it is taken to the lake."""
        from include.adapters.cost_spool import CostSpool

        return CostSpool(self.settings.cost_spool / usecase, self.unreadable_records(usecase, COSTS))

    def event_stream(self, spec: UseCase, view: str) -> "RedisEventStream":
        from include.adapters.event_stream import RedisEventStream

        return RedisEventStream(self.settings.redis_address, spec.name, view, self.settings.stream_backlog)

    def scoring_stream(self, spec: UseCase) -> "RedisEventStream":
        """The stream of requests; raises SpecError when the use case has none."""
        from include.adapters.event_stream import RedisEventStream

        if (of := spec.scoring) is None:
            raise SpecError(f"{spec.name} cannot score a stream: its usecase.yaml has no `scoring: {{stream: <name>}}`")
        address, limit = self.settings.redis_address, self.settings.stream_backlog
        return RedisEventStream(address, spec.name, of.stream, limit, group="scoring", keep=of.keep_results)


def metrics_server(url: str) -> MetricsServer:
    from include.adapters.metrics_server import Prometheus

    return Prometheus(url)


def _connector(place: str, name: str, options: Mapping[str, Any], resolve: Callable[[str], str]) -> SourceConnector:
    if faults := [f"{place}.{fault.key}: {fault.text}" for fault in connector_faults(name, options)]:
        raise SpecError("; ".join(faults))
    path, kind = CONNECTORS[name].rsplit(".", 1)
    return getattr(import_module(path), kind)(OPTIONS[name].model_validate(options), resolve)
