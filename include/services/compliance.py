"""Gathers what is recorded about a release for its evidence bundle; every release and entry is verified first."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.contracts.approval import ApprovalEntry
from include.contracts.audit import AuditEvent
from include.contracts.deployment import ReleaseRef, RolloutEvent
from include.contracts.development import ModelRef
from include.contracts.period import Period
from include.deployment import release as releases
from include.errors import NotFoundError, ServiceError
from include.formats.content import content_hash
from include.formats.file_proof import sha256
from include.governance import approval
from include.governance.compliance.facts import Facts, Gates, Kept
from include.records.registry import (
    APPROVALS,
    DECISIONS,
    EXPORTS,
    FIGURES,
    GATE_RESULTS,
    PREDICTIONS,
    PRIVACY_AUDITS,
    PRIVACY_RECORDS,
    ROLLOUT_EVENTS,
    SCRUBS,
)
from include.records.table import RecordTable
from include.services.approvals import verdict_of
from include.services.composition import Services
from include.specification.compliance import FOLDER, SUFFIX, TEXTS
from include.specification.usecase import UseCase

DOCUMENTS = (
    "model_card.md", "constraints.txt", "order.json", "fit.json", "importance.json", "explanation.json",
    "behaviour.json", "fairness.json", "in_sample_fairness.json", "slices.json", "in_sample_slices.json",
)  # fmt: skip
BUNDLED = "compliance_bundle"
"""The action of the audit log that tells of a bundle; no bundle tells of others."""
WINDOWS = 12
"""Windows of figures that are shown."""
TIMES = ("at", "recorded_at", "evaluated_at", "audited_at", "done_at", "decided_at", "created_at", "logged_at")


def gather(spec: UseCase, services: Services, release: ReleaseRef) -> Facts:
    """Everything that the bundle of a release is written from.

    Raises DamagedReleaseError when a file of the release was changed, DeploymentError when the record of approvals was:
    what was altered is no evidence.
    """
    adapters = services.adapters
    release = adapters.releases.verified(spec.name, release.name)
    manifest = releases.manifest(Path(release.path))
    history = services.approvals.history(spec)
    entries = _about(history, release)
    model = services.approvals.registered(spec, release.model_version)
    documents, unread = _documents(services, model, entries)
    judged = [entry for entry in entries if entry.event == "verdict"]
    state, tables = services.serving.rollout_state(spec), adapters.lake.tables(spec.name)
    packaged = datetime.fromisoformat(manifest["packaged_at"]) if "packaged_at" in manifest else _changed(release)
    since = min([packaged, *(entry.at for entry in entries)])
    return Facts(
        spec=spec,
        spec_sha=approval.spec_hash(spec),
        release=release,
        manifest=manifest,
        manifest_sha=sha256(Path(release.path) / releases.MANIFEST),
        files=_files(Path(release.path)),
        packaged_at=packaged,
        releases=adapters.releases.all(spec.name),
        serving=state.champion if state else None,
        model=model,
        history=history,
        entries=entries,
        verdict=verdict_of(judged[-1]) if judged else None,
        documents=documents,
        unread=unread,
        authored=dict(_authored(spec)),
        sheets=dict(_sheets(spec, services)),
        tables={table: adapters.lake.schema(spec.name, table).names for table in tables},
        readers=dict(services.settings.access.items()),
        audit=_audit(spec, services, since),
        **_recorded(spec, services, release, model),
    )


def _files(directory: Path) -> dict[str, str]:
    """SHA-256 of every file of the release, which its signature was verified for; hidden ones are in the making."""
    inside = (path for path in sorted(directory.rglob("[!.]*")) if path.is_file())
    return {path.relative_to(directory).as_posix(): sha256(path) for path in inside}


def _changed(release: ReleaseRef) -> datetime:
    """When the manifest was written, of a release that was packaged before its manifest said so."""
    return datetime.fromtimestamp(int((Path(release.path) / releases.MANIFEST).stat().st_mtime), UTC)


def _about(history: Sequence[ApprovalEntry], release: ReleaseRef) -> list[ApprovalEntry]:
    """Entries on the version of the release, and on the one that was judged for it."""
    versions = {release.model_version, approval.proof_version(history, release.model_version)}
    return [entry for entry in history if entry.version in versions]


def _documents(
    services: Services, model: ModelRef | None, entries: Sequence[ApprovalEntry]
) -> tuple[dict[str, Kept], dict[str, str]]:
    """The documents of the model by path, and why those that lack do."""
    if model is None:
        return {}, dict.fromkeys(DOCUMENTS, "no training of this state root registered the version")
    kept, unread = {}, {}
    registered = [e.at for e in entries if e.event == "registered" and e.version == model.version]
    for path in DOCUMENTS:
        try:
            text = services.adapters.tracker.document(model, path)
        except (NotFoundError, ServiceError) as error:
            unread[path] = str(error).splitlines()[0]
            continue
        where = f"MLflow, version {model.version}, {path}"
        kept[path] = Kept(where, registered[-1], hashlib.sha256(text.encode()).hexdigest(), text, f"model/{path}")
    return kept, unread


def _recorded(spec: UseCase, services: Services, release: ReleaseRef, model: ModelRef | None) -> dict[str, Any]:
    """Fields of the facts from the record tables, and ``kept``, what there is of each table."""
    measured = FIGURES.periods(spec.name, services.adapters.lake)[-WINDOWS:]
    trained = sorted(model.dataset.snapshots) if model else []
    wanted: dict[str, tuple[RecordTable, dict[str, Any]]] = {
        "events": (ROLLOUT_EVENTS, {}),
        "figures": (FIGURES, {"periods": measured, "release": release.name, "subject": ["", spec.metrics.primary]}),
        "decisions": (DECISIONS, {}),
        "changes": (PRIVACY_RECORDS, {}),
        "searches": (PRIVACY_AUDITS, {}),
        "exports": (EXPORTS, {}),
        "": (APPROVALS, {}),
        "scrubs": (SCRUBS, {"newest": 20}),
    }
    fields, kept = dict[str, Any](), dict[str, Kept]()
    for name, (table, filters) in wanted.items():
        rows = table.ordered(spec.name, services.adapters.lake, **filters)
        _keep(kept, spec, table, rows)
        if name and name in Facts.__dataclass_fields__:
            fields[name] = table.records(rows)
    fields["decisions"] = [row.record for row in fields["decisions"]]
    fields["events"] = [event for event in fields["events"] if _concerns(event, release.name)]
    answers = PREDICTIONS.rows(spec.name, services.adapters.lake, columns=["logged_at"], release=release.name)
    columns = ["period", "passed", "severity", "evaluated_at"]
    checks = GATE_RESULTS.rows(spec.name, services.adapters.lake, columns=columns, periods=trained)
    _keep(kept, spec, PREDICTIONS, answers)
    _keep(kept, spec, GATE_RESULTS, checks)
    return {**fields, "kept": kept, "answers": answers.num_rows, "gates": _gates(checks)}


def _concerns(event: RolloutEvent, release: str) -> bool:
    """Events of the release, and every rollback: it may have taken the release away."""
    return release in (event.release, event.champion) or event.event in ("rolled_back", "rolled_forward")


def _keep(kept: dict[str, Kept], spec: UseCase, table: RecordTable, rows: Any) -> None:
    if rows.num_rows:
        times = [time for name in TIMES if name in rows.column_names for time in [_newest(rows, name)] if time]
        where = f"lake table {spec.name}.{table.name}, {rows.num_rows:,} rows"
        kept[table.name] = Kept(where, max(times) if times else _end(spec, rows), content_hash(rows))


def _newest(rows: Any, name: str) -> datetime | None:
    import pyarrow.compute as pc

    newest = pc.max(rows[name]).as_py()
    return newest.astimezone(UTC) if newest else None


def _end(spec: UseCase, rows: Any) -> datetime:
    """When the newest window of figures, which have no time of their own, ends."""
    return spec.calendar.end(Period(max(rows["period"].to_pylist()))).astimezone(UTC)


def _gates(checks: Any) -> Gates | None:
    if not checks.num_rows:
        return None
    failed = [row for row in checks.select(["passed", "severity"]).to_pylist() if not row["passed"]]
    blocked = sum(row["severity"] == "block" for row in failed)
    return Gates(checks.num_rows, len(failed), blocked, len(set(checks["period"].to_pylist())))


def _authored(spec: UseCase) -> Iterator[tuple[str, Kept]]:
    """What the authors wrote, in the spec or in a file of its own."""
    for key in TEXTS:
        file = spec.directory / FOLDER / f"{key}{SUFFIX}"
        if spec.compliance and (text := getattr(spec.compliance, key)) is not None:
            where = f"include/usecases/{spec.name}/usecase.yaml: compliance.{key}"
            yield key, Kept(where, None, approval.spec_hash(spec), text)
        elif file.is_file():
            at = datetime.fromtimestamp(int(file.stat().st_mtime), UTC)
            where = f"include/usecases/{spec.name}/{FOLDER}/{file.name}"
            yield key, Kept(where, at, sha256(file), _text(file), f"authors/{file.name}")


def _text(file: Path) -> str:
    """With its line ends as they are: a copy has the bytes that were hashed."""
    return file.read_bytes().decode(errors="replace")


def _sheets(spec: UseCase, services: Services) -> Iterator[tuple[str, Kept]]:
    """Data sheets of the tables, as the catalog wrote them last."""
    for file in sorted((services.settings.catalog / spec.name).glob("*.md")):
        at = datetime.fromtimestamp(int(file.stat().st_mtime), UTC)
        yield (
            file.stem,
            Kept(f"<home>/catalog/{spec.name}/{file.name}", at, sha256(file), _text(file), f"sheets/{file.name}"),
        )


def _audit(spec: UseCase, services: Services, since: datetime) -> list[AuditEvent]:
    """Events about the use case since its version was registered, without answers of models; nothing of subjects."""
    events = services.adapters.audit.read(since=since)
    return [
        event.model_copy(update={"subject": {}, "facts": {}})
        for event in events
        if event.usecase == spec.name and event.kind != "use" and event.action != BUNDLED
    ]
