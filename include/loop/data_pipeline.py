"""One month from the source to the feature store."""

import logging
import shutil
from typing import Any, Literal

from include.contracts.period import Period
from include.contracts.quality import GateResult
from include.contracts.tables import SnapshotRef
from include.data import ingestion, late_data, processing, quality, versioning
from include.services.composition import Services
from include.specification.usecase import UseCase

log = logging.getLogger(__name__)


def collect(spec: UseCase, services: Services, period: Period, run: str) -> dict[str, int]:
    """Stage the raw tables of the month; rows per table."""
    if services.settings.environment == "dev":
        ingestion.require_handed_over(spec, period, services.places.landing(spec))
    staging, treat = services.places.staging(spec, run), services.privacy.treatment(spec)
    rows = ingestion.collect(spec, period, services.places.landing(spec), staging, services.adapters.connector, treat)
    late_data.record(spec, period, staging, services.adapters.lake)
    return rows


def look_back(spec: UseCase, services: Services, period: Period, run: str) -> list[dict[str, Any]]:
    """What to start for rows that came late for earlier months: run id and form of each run, in order.

    The runs do not look back themselves: so late data cannot make them start each other for ever.
    """
    if services.settings.environment == "dev":
        return []  # what came late to prod comes here by the next hand-over
    staging = services.places.staging(spec, f"{run}-late")
    treat, landing = services.privacy.treatment(spec), services.places.landing(spec)
    late = late_data.changed(spec, period, landing, staging, services.adapters.lake, services.adapters.connector, treat)
    shutil.rmtree(staging, ignore_errors=True)
    months = late_data.to_run_again(spec, period, late, services.records.published(spec))
    log.info("%s %s: rows came late for %s; running again: %s", spec.name, period, late, months)
    form = {"look_back": False}
    return [{"trigger_run_id": f"late__{run}__{month}", "fields": {"period": month} | form} for month in months]


def gate(spec: UseCase, services: Services, period: Period, run: str, name: Literal["raw", "features"]) -> GateResult:
    """Run one quality gate on what is staged; raises GateRefusedError after putting it in quarantine."""
    staging, quarantine = services.places.staging(spec, run), services.places.quarantine(spec)
    return quality.gate(spec, name, period, staging, quarantine, services.adapters.validator, services.adapters.lake)


def build_features(spec: UseCase, services: Services, period: Period, run: str) -> dict[str, int]:
    staging, snapshots = services.places.staging(spec, run), services.records.snapshots(spec)
    return processing.build(spec, period, staging, services.adapters.lake, snapshots, services.settings.memory_limit)


def publish(spec: UseCase, services: Services, period: Period, run: str) -> SnapshotRef:
    """Commit the staged tables and, last, the snapshot's manifest."""
    return versioning.publish(
        spec, period, services.places.staging(spec, run), services.adapters.lake, services.records.snapshots(spec)
    )


def materialize(spec: UseCase, services: Services, period: Period, run: str) -> None:
    """Load the month into the online store and drop what was staged."""
    versioning.materialize(spec, period, services.adapters.feature_store)
    shutil.rmtree(services.places.staging(spec, run), ignore_errors=True)


def announce(spec: UseCase, services: Services, period: Period, run: str) -> bool:
    """Whether the other DAGs are to hear of the month from this run; False when they know its current snapshot."""
    snapshots = services.records.snapshots(spec)
    snapshot = versioning.snapshot(period, snapshots)
    if told := snapshots.announce(snapshot, run):
        return told
    print(f"{spec.name} {period}: nothing changed, {snapshot.name} was announced before; no other DAG starts")
    return False
