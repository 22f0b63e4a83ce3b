"""Applies one change wherever a use case stores rows: lake, snapshots, datasets, staging, quarantine, spool."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from include.contracts.atomic_file import write_atomically
from include.contracts.development import DatasetRef
from include.contracts.governance import PrivacyChange
from include.contracts.period import Period
from include.development.datasets.parts import content_hash, read_frame
from include.governance import erasure
from include.governance.erasure import Change, Changed, LakeRewrite
from include.governance.traces import files
from include.records.registry import PRIVACY_RECORDS, RECORD_TABLES
from include.services.composition import Services
from include.specification.usecase import UseCase

SPARED = ("lake", "landing", "airflow", "mlflow", "prometheus", "redis", "keys")
"""Rooms whose Parquet files are not single files of rows: the lake is rewritten by version, the rest is others'."""


def rewrite(
    spec: UseCase, services: Services, change: Change, line: Callable[[bytes], bytes], mark: str
) -> list[Changed]:
    """Apply ``change`` to every table and Parquet file, ``line`` to every line of the prediction spool."""
    home = services.settings.home
    rooms = [f for f in files(home, SPARED) if f.suffix == ".parquet"]
    changed = list(erasure.rewrite_parquet(rooms, home, change))
    _refresh_datasets(services, changed, mark)
    changed += _spool(spec, services, line)
    kept = [table.name for table in RECORD_TABLES.values() if not table.rewritten]
    lake = LakeRewrite(spec.name, services.adapters.lake, services.records.snapshots(spec), change, mark)
    return changed + lake.run(kept)


def _spool(spec: UseCase, services: Services, line: Callable[[bytes], bytes]) -> list[Changed]:
    directory = services.places.spool(spec)
    counts = {f: erasure.edit_lines(f, line) for f in sorted(directory.glob("*.jsonl"))}
    return [Changed(f"spool/{f.name}", count, 0) for f, count in counts.items() if count]


def _refresh_datasets(services: Services, changed: Sequence[Changed], mark: str) -> None:
    """A dataset's manifest says what its parts hold now, and why that is not what it was built with."""
    homes = {(services.settings.home / one.place).parent for one in changed if one.place.startswith("datasets/")}
    for manifest in sorted(home / "dataset.json" for home in homes):
        if manifest.is_file():
            dataset = DatasetRef.model_validate_json(manifest.read_text())
            parts = {name: _counted(manifest.parent / f"{name}.parquet") for name in ("train", "validation", "test")}
            now = {name: getattr(dataset, name).model_copy(update=facts) for name, facts in parts.items()}
            again = dataset.model_copy(update={**now, "rewrites": [*dataset.rewrites, mark]})
            write_atomically(manifest, again.model_dump_json(indent=1))


def _counted(part: Path) -> dict[str, object]:
    frame = read_frame(part)
    return {"rows": len(frame), "content_hash": content_hash(frame)}


def record(spec: UseCase, services: Services, kind: str, facts: dict[str, str], changed: Sequence[Changed]) -> None:
    """One row per changed place in the lake table ``privacy_records``; one without place when nothing changed."""
    now = datetime.now(UTC)
    about = {"period": Period.of(now), "done_at": now, "kind": kind, "facts": facts}
    rows = [PrivacyChange.model_validate(about | asdict(row)) for row in changed or [Changed("", 0, 0)]]
    PRIVACY_RECORDS.append(spec.name, services.adapters.lake, rows)
    for row in changed:
        print(f"{row.place}: {row.before} → {row.after}")
