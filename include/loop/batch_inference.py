"""A published period, scored with the champion straight through ONNX Runtime."""

import logging
from pathlib import Path

import duckdb

from include.contracts.deployment import ReleaseRef
from include.contracts.period import Period, periods_text
from include.contracts.tables import FileRows, SnapshotRef
from include.data import versioning
from include.deployment import batch_scoring
from include.deployment.batch_scoring import BatchScorer
from include.errors import DataError
from include.formats.content import lake_rows, parquet_rows, quoted
from include.records.registry import BATCH_PREDICTIONS
from include.services.composition import Services
from include.specification.usecase import UseCase

log = logging.getLogger(__name__)


def score_partitions(
    spec: UseCase, services: Services, *periods: Period, wanted: str | None = None
) -> dict[Period, dict[str, int | str]] | None:
    """Score these periods one after the other; what ``score_partition`` says of each. None when nothing serves yet.

    Of several, those whose answers would be deleted at once are left out, which the log says; that all are is an error.
    Raises what ``score_partition`` raises.
    """
    oldest = services.answers.oldest_kept(spec, *periods)
    kept = [period for period in periods if oldest is None or period >= oldest] or list(periods[-1:])
    if left := [period for period in periods if period not in kept]:
        log.warning(
            "%s: %s is not scored: answers are kept from %s on (retention.predictions = %s)",
            spec.name, periods_text(left), oldest, spec.retention.predictions,
        )  # fmt: skip
    versioning.require_published(kept, services.records.snapshots(spec))
    scored: dict[Period, dict[str, int | str]] = {}
    for period in kept:
        if (counts := score_partition(spec, services, period, wanted)) is None:
            return None
        scored[period] = counts
    return scored


def score_partition(
    spec: UseCase, services: Services, period: Period, wanted: str | None = None
) -> dict[str, int | str] | None:
    """Score the period's events and put the answers into ``batch_predictions``; None when nothing serves yet.

    Answers of the same release for the period are replaced, in one commit; those of others stay. No snapshot is
    expired and nobody erased meanwhile.

    Raises
    ------
    NotFoundError
        the period is not published, or there is no release ``wanted``.
    DataError
        the period is older than ``retention.predictions``, lacks what the release needs, or the release answers
        less than ``serving.min_answered`` of it; nothing is written.
    DeploymentError
        a file of the release was changed.
    """
    release = services.adapters.releases.get(spec.name, wanted) if wanted else services.serving.champion(spec)
    if release is None:
        return None
    release = services.adapters.releases.verified(spec.name, release.name)
    oldest = services.answers.oldest_kept(spec, period) or period
    _require_kept(spec, oldest, period)
    with (
        # one after the other: the period is read and replaced as a whole, with the answers of other releases
        services.adapters.locks.hold(f"staging/{spec.name}/{BATCH_PREDICTIONS.name}"),
        services.records.snapshots(spec).publishing(),
        services.places.aside() as aside,
    ):
        snapshot = versioning.snapshot(period, services.records.snapshots(spec))
        scored, complete = aside / "scored.parquet", aside / "complete.parquet"
        counts = _score(spec, services, snapshot, release, scored)
        _add_other_releases(services, release, period, scored, complete)
        BATCH_PREDICTIONS.replace(spec.name, services.adapters.lake, period, complete)
        services.audit.log_scored(spec, BATCH_PREDICTIONS.name, scored, f"{period}/{release.name}")
    services.answers.forget_scored(spec, oldest)
    return {"release": release.name, "snapshot": snapshot.name, **counts}


def _score(
    spec: UseCase, services: Services, snapshot: SnapshotRef, release: ReleaseRef, target: Path
) -> dict[str, int]:
    scorer = BatchScorer(spec, Path(release.path))
    events = services.adapters.lake.pinned(spec.name, "events", {snapshot.period: snapshot.tables["events"]})
    if scorer.views and events:  # a period without events has none
        joined = target.with_name("features.parquet")
        service = scorer.manifest["features"]["kept_as"]  # as the release was built with it
        services.adapters.feature_store.historical_file(service, _events(events, list(scorer.fields)), joined)
        events = [FileRows(str(joined))]
    return batch_scoring.score_file(scorer, events, target, services.settings.batch_rows, snapshot=snapshot.name)


def _events(events: list[FileRows], columns: list[str]) -> str:
    wanted = ", ".join(map(quoted, columns))
    return f"SELECT {wanted} FROM {lake_rows(events)}"  # noqa: S608 - our own files and columns


def _add_other_releases(services: Services, release: ReleaseRef, period: Period, scored: Path, target: Path) -> None:
    """The period's answers of every release: publishing replaces the period as a whole."""
    lake, table = services.adapters.lake, BATCH_PREDICTIONS.name
    there = lake.files(release.usecase, table, [period]) if lake.exists(release.usecase, table) else []
    with duckdb.connect(config={"memory_limit": services.settings.memory_limit}) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        rows = connection.sql(f"FROM {parquet_rows(scored)}")
        if there:
            others = connection.sql(f"FROM {lake_rows(there)}")
            others = others.filter(duckdb.ColumnExpression("release") != duckdb.ConstantExpression(release.name))
            rows = rows.union(others.select(*map(quoted, rows.columns)))
        rows.write_parquet(str(target), compression="zstd")


def _require_kept(spec: UseCase, oldest: Period, period: Period) -> None:
    if period < oldest:
        raise DataError(
            f"{spec.name}: predictions are kept from {oldest} on (retention.predictions = "
            f"{spec.retention.predictions}), {period} would be deleted at once; choose a later period"
        )
