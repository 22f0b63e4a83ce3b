"""Every outside system of ``Services``, in memory; releases lie in the home directory, as they always do."""

from pathlib import Path
from typing import Any

from include.adapters.archive_files import ArchiveFiles
from include.adapters.audit_log import SqliteSubjectKeys
from include.adapters.bom_schema import require_valid
from include.adapters.cost_spool import CostSpool
from include.adapters.release_store import DirectoryReleases
from include.adapters.signatures import StateRootSignatures
from include.adapters.unreadable_records import UnreadableRecords
from include.deployment import release
from include.errors import MissingPeriodError
from include.governance.online_copies import OnlineCopies
from include.services.composition import Services
from include.settings import Settings
from include.specification.usecase import UseCase
from tests.unit.fakes.approvals import approve
from tests.unit.fakes.exports import MemoryExports
from tests.unit.fakes.lake import MemoryLake
from tests.unit.fakes.serving import FiringAlerts, FollowingServer, MemoryAudit, MemoryLog
from tests.unit.fakes.state import MemoryLocks, MemoryState
from tests.unit.fakes.tracker import MemoryTracker


class FakeAdapters:
    """The attributes of ``include.services.adapters.Adapters``; a test replaces those it is about."""

    def __init__(self, settings: Settings, usecase: str = "flight_delay") -> None:
        self.settings = settings
        self.lake, self.state, self.locks = MemoryLake(), MemoryState(), MemoryLocks()
        self.tracker, self.metrics_server, self.exports = MemoryTracker(), FiringAlerts(), MemoryExports()
        self.server = FollowingServer(self.state, usecase)
        self.replicas: list[FollowingServer] = []
        self.log = MemoryLog()
        self.signatures = StateRootSignatures(settings.approval_key_text(), settings.approval_public_keys)
        self.audit_keys = SqliteSubjectKeys(settings.audit_subject_keys)
        self.releases = DirectoryReleases(settings.releases, self.locks, self.signatures)
        self.streams: dict[str, Any] = {}
        self.audit = MemoryAudit()
        self.archives = ArchiveFiles(settings.archive)

    def require_valid_bom(self, text: str) -> None:
        require_valid(text)

    def connector(self, spec: UseCase, table: str, delivered: Path | None = None) -> Any:
        raise MissingPeriodError(f"{spec.name}.{table}: the source has nothing")

    def model_server(self, spec: UseCase) -> FollowingServer:
        return self.server

    @property
    def model_servers(self) -> list[FollowingServer]:
        return [self.server, *self.replicas]

    def prediction_log(self, spec: UseCase) -> MemoryLog:
        return self.log

    def event_stream(self, spec: UseCase, view: str) -> Any:
        return self.streams[view]

    def cost_spool(self, usecase: str) -> CostSpool:
        return CostSpool(
            self.settings.cost_spool / usecase, UnreadableRecords(self.settings.unreadable / usecase, "costs")
        )

    def online_copies(self, spec: UseCase) -> OnlineCopies:
        return OnlineCopies({}, [], None)


def services_in(home: Path, vault: dict[str, str] | None = None, **settings: Any) -> Services:
    """Services on fakes, with their state below ``home``."""
    # each test process has a core: a second thread of a fit would only wait for it
    made = Settings(home=home, **{"serving_timeout": 0.2, "train_threads": 1, **settings})
    return Services(made, vault=lambda name: (vault or {}).get(name, ""), adapters=FakeAdapters(made))  # type: ignore[arg-type]


def packaged(services: Services, spec: UseCase, version: int, approved: bool = True, **manifest: Any) -> str:
    """A sealed release of a model version, which is approved unless said otherwise; its name."""
    staged = services.settings.home / f"staged{version}"
    staged.mkdir(parents=True)
    (staged / "baseline.json").write_text("{}")
    hashed = {"model_hash": "0" * 64, **manifest}
    release.seal(staged, {"usecase": spec.name, "model_version": version, **hashed})
    if approved:
        approve(services, spec, version, hashed["model_hash"])
    return services.adapters.releases.add(spec.name, staged, version).name
