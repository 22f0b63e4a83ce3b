"""One month from the source to the feature store."""

import shutil
from typing import Literal

from include.contracts import GateResult, Period, SnapshotRef
from include.data import ingestion, processing, quality, versioning
from include.services import Services
from include.usecase import UseCase


def collect(spec: UseCase, services: Services, period: Period, run: str) -> dict[str, int]:
    """Stage the raw tables of the month; rows per table."""
    return ingestion.collect(spec, period, services.landing(spec), services.staging(spec, run))


def gate(spec: UseCase, services: Services, period: Period, run: str, name: Literal["raw", "features"]) -> GateResult:
    """Run one quality gate on what is staged; raises GateRefusedError after putting it in quarantine."""
    staging, quarantine = services.staging(spec, run), services.quarantine(spec)
    return quality.gate(spec, name, period, staging, quarantine, services.validator, services.lake)


def build_features(spec: UseCase, services: Services, period: Period, run: str) -> dict[str, int]:
    staging, snapshots = services.staging(spec, run), services.snapshots(spec)
    return processing.build(spec, period, staging, services.lake, snapshots, services.settings.memory_limit)


def publish(spec: UseCase, services: Services, period: Period, run: str) -> SnapshotRef:
    """Commit the staged tables and, last, the snapshot's manifest."""
    return versioning.publish(spec, period, services.staging(spec, run), services.lake, services.snapshots(spec))


def store_offline(spec: UseCase, services: Services, period: Period) -> None:
    snapshot = versioning.snapshot(period.key, services.snapshots(spec))
    versioning.store_offline(spec, snapshot, services.lake, services.feature_store)


def materialize(spec: UseCase, services: Services, period: Period, run: str) -> None:
    """Load the month into the online store and drop what was staged."""
    versioning.materialize(spec, period, services.feature_store)
    shutil.rmtree(services.staging(spec, run), ignore_errors=True)
