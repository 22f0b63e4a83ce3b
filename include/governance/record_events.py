"""Records that hold a change or a decision as events of the audit log: each names its row by hash.

The record stays what it is, and is where its details are; the log proves when it came and that it was not altered.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow as pa

from include.contracts.audit import AuditEvent, AuditKind
from include.governance import audited
from include.ports.audit import AuditLog
from include.records import registry

Row = dict[str, Any]


class Mirrored(NamedTuple):
    """How the rows of a table of records become events; rows of one ``same`` are one event."""

    kind: AuditKind
    action: Callable[[Row], str]
    by: Callable[[Row], str]
    what: Callable[[Row, int], str]
    reason: Callable[[Row], str] = lambda row: ""
    facts: Callable[[Row], Row] = lambda row: {}
    same: Callable[[Row], Any] = id
    counts: Callable[[Row], bool] = lambda row: True


def _facts_of(row: Row) -> Row:
    return dict(json.loads(row["facts"] or "{}"))


def _decided(row: Row) -> Row:
    """Of an entry of the record of approvals: on what it is, and by which stage, people or policy it was decided."""
    entry = json.loads(row["content"])
    about = {name: entry[name] for name in ("verdict", "evidence") if entry.get(name)}
    facts = entry.get("facts", {})
    return about | {name: facts[name] for name in ("stage", "approvers", "policy") if name in facts}


MIRRORED: dict[str, Mirrored] = {
    registry.APPROVALS.name: Mirrored(
        "decision",
        lambda row: row["event"],
        lambda row: row["by"],
        lambda row, rows: f"model version {row['version']}",
        lambda row: row["reason"],
        lambda row: {
            "entry": row["sequence"],
            "entry_sha256": hashlib.sha256(row["content"].encode()).hexdigest(),
            **_decided(row),
        },
    ),
    registry.DECISIONS.name: Mirrored(
        "decision",
        lambda row: f"decide_{row['decision']}",
        lambda row: row["run"] or "retrain_trigger",
        lambda row, rows: f"retrain plan of {row['period']}",
    ),
    registry.VERSION_OPERATIONS.name: Mirrored(
        "change",
        lambda row: f"version_{row['operation']}",
        lambda row: row["by"],
        lambda row, rows: row["subject"],
        lambda row: row["why"],
    ),
    registry.EXPORTS.name: Mirrored(
        "access",
        lambda row: row["kind"],
        lambda row: row["requested_by"],
        lambda row, rows: f"{row['name']} to {row['recipient']}",
        facts=lambda row: {"approved_by": row["approved_by"], "rows": row["rows"], "manifest_sha256": row["sha256"]},
    ),
    registry.PRIVACY_RECORDS.name: Mirrored(
        "change",
        lambda row: {"erasure": "erase_subject", "rotation": "rotate_keys"}[row["kind"]],
        lambda row: _facts_of(row).get("by", ""),
        lambda row, rows: f"{rows} places",
        lambda row: _facts_of(row).get("reason", ""),
        same=lambda row: (row["kind"], row["facts"]),
    ),
    registry.QUARANTINE.name: Mirrored(
        "change",
        lambda row: f"quarantine_{row['status']}",
        lambda row: row["decided_by"],
        lambda row, rows: f"{rows} rows of {row['table']} {row['period']}",
        lambda row: row["note"] or "",
        same=lambda row: (row["table"], row["period"], row["status"], row["decided_by"], row["note"]),
        counts=lambda row: bool(row["decided_by"]),  # a gate holds rows, people decide on them
    ),
    registry.GIVEN_LABELS.name: Mirrored(
        "change",
        lambda row: "give_labels",
        lambda row: row["given_by"],
        lambda row, rows: f"{rows} labels of selection {row['selection']}",
        same=lambda row: (row["given_by"], row["selection"]),
    ),
    registry.RETIREMENTS.name: Mirrored(
        "decision",
        lambda row: f"retirement_{row['event']}",
        lambda row: row["by"],
        lambda row, rows: f"release {row['release']}",
        lambda row: row["reason"],
        facts=lambda row: {"model_version": row["model_version"], "run": row["run"]},
    ),
    registry.ROLLOUT_EVENTS.name: Mirrored(
        "change",
        lambda row: row["event"],
        lambda row: row["by"],
        lambda row, rows: f"release {row['release']}",
        facts=lambda row: {"champion": row["champion"], "share": row["share"], "generation": row["generation"]},
    ),
}
NOT_MIRRORED: dict[str, str] = {
    "gate_results": "measured",
    "collections": "measured",
    "reconciliation": "measured",
    "privacy_audits": "measured",
    "predictions": "enters the log in batches",
    "lost_answers": "measured",
    "batch_predictions": "enters the log in batches",
    "figures": "measured",
    "slice_figures": "measured",
    "block_losses": "measured",
    "distributions": "measured",
    "calibration_bins": "measured",
    "verdicts": "each verdict is an entry of `approvals`",
    "approval_notices": "what was sent about a question, which is an entry of `approvals`",
    "scrubs": "measured",
    "period_profiles": "measured",
    "task_costs": "measured",
    "storage": "measured",
}
"""Tables of records without events, and why."""


@contextmanager
def mirrored(log: Callable[[], AuditLog], usecase: str, table: str, rows: pa.Table) -> Iterator[None]:
    """Around the writing of records: their events come before them, so none is written that the log does not take.

    When the records are then not written, an event ``failed`` of the same act says so.
    """
    if table not in MIRRORED or not (found := events(usecase, table, rows)):
        yield
        return
    log().append(found)
    try:
        yield
    except BaseException:
        log().append([audited.ended(event, "failed") for event in found])
        raise


def events(usecase: str, table: str, rows: pa.Table) -> list[AuditEvent]:
    """The events of these rows, in their order."""
    mirror, groups = MIRRORED[table], dict[Any, list[Row]]()
    for row in filter(mirror.counts, rows.to_pylist()):
        groups.setdefault(mirror.same(row), []).append(row)
    return [audited.numbered(_event(mirror, usecase, table, of)) for of in groups.values()]


def _event(mirror: Mirrored, usecase: str, table: str, rows: list[Row]) -> AuditEvent:
    row = rows[0]
    content = json.dumps(rows, sort_keys=True, default=str, ensure_ascii=False)
    return AuditEvent(
        at=datetime.now(UTC),
        kind=mirror.kind,
        action=mirror.action(row),
        by=mirror.by(row),
        via="task",
        usecase=usecase,
        what=mirror.what(row, len(rows)),
        reason=mirror.reason(row),
        facts={"record": table, "rows_sha256": hashlib.sha256(content.encode()).hexdigest(), **mirror.facts(row)},
    )
