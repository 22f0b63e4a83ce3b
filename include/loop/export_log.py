"""The audit table ``exports``: who let what leave, for whom, when, how many rows, with which hash."""

import pyarrow as pa

from include.contracts.governance import ExportManifest
from include.services.composition import Services
from include.specification.usecase import UseCase

TABLE = "exports"


def record(spec: UseCase, services: Services, manifest: ExportManifest) -> None:
    """Append what left, once per export."""
    if manifest.name in {one.name for one in recorded(spec, services)}:
        return
    row = {
        "period": manifest.periods[0],
        "name": manifest.name,
        "kind": manifest.kind,
        "recipient": manifest.recipient,
        "requested_by": manifest.requested_by,
        "approved_by": manifest.approved_by,
        "created_at": manifest.created_at,
        "rows": manifest.rows,
        "sha256": manifest.digest,
        "record": manifest.model_dump_json(),
    }
    services.adapters.lake.append(spec.name, TABLE, pa.Table.from_pylist([row]))


def recorded(spec: UseCase, services: Services) -> list[ExportManifest]:
    """Every export so far, oldest first."""
    if not services.adapters.lake.exists(spec.name, TABLE):
        return []
    rows = services.adapters.lake.read(spec.name, TABLE).to_pylist()
    return sorted((ExportManifest.model_validate_json(r["record"]) for r in rows), key=lambda m: m.created_at)
