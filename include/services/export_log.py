"""The audit table ``exports``: who exported what, for whom, when, how many rows, with which hash."""

from typing import Any

from include.contracts.governance import ExportManifest, RecordedExport
from include.records.registry import EXPORTS
from include.services.composition import Services
from include.specification.usecase import UseCase


def record(spec: UseCase, services: Services, manifest: ExportManifest) -> None:
    """Append what left, once per export."""
    if recorded(spec, services, name=manifest.name):
        return
    same = {name: getattr(manifest, name) for name in RecordedExport.model_fields if hasattr(manifest, name)}
    about = {"period": manifest.periods[0], "sha256": manifest.digest, "record": manifest}
    EXPORTS.append(spec.name, services.adapters.lake, [RecordedExport.model_validate(same | about)])


def recorded(spec: UseCase, services: Services, **wanted: Any) -> list[ExportManifest]:
    """The exports so far, oldest first; ``wanted`` are the filters of ``RecordTable.rows``."""
    return [row.record for row in EXPORTS.read(spec.name, services.adapters.lake, **wanted)]
