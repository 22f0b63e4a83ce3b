"""A use case whose every text is an attack: in its spec, in records, in files, in what people write."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from include.contracts.audit import AuditEvent
from include.contracts.checklist import Assessment
from include.contracts.controls import Hold
from include.contracts.operations import BinnedCounts, BlockLoss, CalibrationBin, SliceFigure
from include.contracts.quality import QuarantinedRow
from include.records.registry import BLOCK_LOSSES, CALIBRATION_BINS, DISTRIBUTIONS, QUARANTINE, SLICE_FIGURES
from include.services import assessments
from include.services.composition import Services
from include.settings import Settings
from include.specification import loader
from include.specification.usecase import USECASES
from tests.integration.page_history import AT, EVIL, MONTHS, SPEC

TEXTS = frozenset({"title", "description", "owner", "intended_use", "ethics", "unintended_outcomes"})
"""Keys of a spec whose text is free."""
NAMED = ("minimum_functionality", "user_acceptance", "queries")
"""Lists of what has a free name."""


def specification(directory: Path) -> None:
    """The spec of the flights with attacks in place of its texts, in a directory of use cases of its own."""
    shutil.copytree(USECASES / SPEC.name, directory / SPEC.name)
    file = directory / SPEC.name / loader.FILE
    content = _attacked(yaml.safe_load(file.read_text()))
    for table in content["tables"].values():
        table["columns"] = dict.fromkeys(table["columns"], EVIL)
    for feature in content["features"]:
        feature["description"] = EVIL
    file.write_text(yaml.safe_dump(content))


def _attacked(part: Any, key: str = "") -> Any:
    if isinstance(part, dict):
        return {
            name: EVIL if name in TEXTS and isinstance(of, str) else _attacked(of, name) for name, of in part.items()
        }
    if isinstance(part, list) and key in NAMED:
        return [{**of, "name": f"{number} {EVIL}"} for number, of in enumerate(part)]
    return [_attacked(of) for of in part] if isinstance(part, list) else part


def write(settings: Settings) -> None:
    """What ``page_history`` does not write: values of rows as categories and slices, notes, events of the log."""
    services = Services(settings)
    lake, window = services.adapters.lake, MONTHS[-1]
    of: dict[str, Any] = {"usecase": SPEC.name, "release": "r0001", "period": window}
    counts = {"bins": [EVIL, EVIL, "missing"], "now": [9, 8, 0], "test_set": [5, 5, 0], "window_before": [1, 1, 1]}
    subjects = ("", *(feature.name for feature in SPEC.features))
    DISTRIBUTIONS.replace(SPEC.name, lake, window, [BinnedCounts(**of, subject=name, **counts) for name in subjects])
    figure: dict[str, Any] = {**of, "n": 900, "value": 0.6, "low": 0.5, "high": 0.7, "note": EVIL}
    slices = [
        SliceFigure(**figure, name=name, slice_key="origin", slice_value=value)
        for value in (EVIL, "JFK")
        for name in ("rows", SPEC.metrics.primary, "drifted_features")
    ]
    SLICE_FIGURES.replace(SPEC.name, lake, window, slices)
    bins = [CalibrationBin(**figure, name="reliability", subject=str(place), predicted=0.55) for place in range(2)]
    CALIBRATION_BINS.replace(SPEC.name, lake, window, bins)
    losses = [BlockLoss(**of, block=f"2013-09-{day:02d}", rows=10, total=1.5, squares=0.4) for day in (1, 2)]
    BLOCK_LOSSES.replace(SPEC.name, lake, window, losses)
    held = QuarantinedRow(
        period=window, gate="raw", table="events", row=EVIL, reasons=EVIL, content=f'{{"dest": {_quoted(EVIL)}}}',
        status="held", recorded_at=AT,
    )  # fmt: skip
    QUARANTINE.append(SPEC.name, lake, [held])
    _people(services)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _people(services: Services) -> None:
    """Assessments, a silence and an entry of the log."""
    written = Assessment(state="planned", note=EVIL, plan=EVIL)
    assessments.save(services, {1: written, 2: written}, EVIL, "page")
    now = datetime.now(UTC)
    hold = Hold(by=EVIL, reason=EVIL, since=now - timedelta(hours=1), until=now + timedelta(days=1))
    services.controls.set_silence(SPEC, "MoebiusFeatureDrift", hold)
    event = AuditEvent(
        at=now, kind="change", action="pause", by=EVIL, via="page", usecase=SPEC.name, what=EVIL, reason=EVIL,
        subject={"tailnum": EVIL}, facts={"form": {EVIL: EVIL}},
    )  # fmt: skip
    services.adapters.audit.append([event])
