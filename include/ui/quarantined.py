"""Rows in quarantine as a role may see them: how many and why, and the newest ones without personal values."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from include.contracts.quality import QuarantinedRow
from include.records.privacy import column_level
from include.specification.usecase import UseCase
from include.ui.access import Reader

ROWS = 20
"""Newest rows that are shown."""


def groups(rows: Sequence[QuarantinedRow]) -> list[dict[str, Any]]:
    """Rows by period, gate, table, what became of them and why; those that wait for a decision first, then newest."""
    fields = ("period", "gate", "table", "status", "reasons", "decided_by", "note")
    counted = Counter(tuple(getattr(row, name) or "" for name in fields) for row in rows)
    found = [dict(zip(fields, key, strict=True)) | {"count": count} for key, count in counted.items()]
    return sorted(sorted(found, key=lambda one: one["period"], reverse=True), key=lambda one: one["status"] != "held")


def newest(spec: UseCase, reader: Reader, rows: Sequence[QuarantinedRow]) -> list[dict[str, Any]]:
    """The newest rows, with those of their columns that the role reads and that hold no personal value."""
    last = sorted(rows, key=lambda row: (row.status == "held", row.recorded_at), reverse=True)[:ROWS]
    return [{"row": row, "values": values(spec, reader, row)} for row in last]


def values(spec: UseCase, reader: Reader, row: QuarantinedRow) -> dict[str, Any]:
    """Column → value; {} for a table that the use case does not have any more."""
    if row.table not in {*spec.sources, *spec.tables, *spec.feature_views}:
        return {}
    content: dict[str, Any] = json.loads(row.content)
    levels = {name: column_level(spec, row.table, name) for name in content}
    access, role = reader.services.access, reader.role
    return {
        name: value
        for name, value in content.items()
        if levels[name] != "personal" and access.reads(role, spec, row.table, levels[name])
    }
