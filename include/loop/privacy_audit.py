"""The audit that no personal value of the source is stored in clear."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from include.contracts.governance import PrivacyFinding
from include.contracts.period import Period
from include.data import ingestion
from include.errors import PrivacyError
from include.governance import privacy
from include.governance.traces import SOURCES, Finding, Matcher, search
from include.records.registry import PRIVACY_AUDITS
from include.services.composition import Services
from include.specification.usecase import UseCase

log = logging.getLogger(__name__)


def audit(spec: UseCase, services: Services, period: Period) -> dict[str, int]:
    """Search the whole state root for the clear personal values that the source has for the period.

    The values are read from the source into memory; what ingestion stages meanwhile is treated. Returns counts:
    values searched, those too short to search everywhere, findings. Every finding is kept in the lake table
    ``privacy_audits``.

    Raises PrivacyError when a value was found: says in which place and column, and how many, never which.
    """
    personal = privacy.personal_columns(spec)
    if not personal:
        print(f"{spec.name} marks no column as personal: there is nothing to look for")
        return {"values": 0, "short": 0, "findings": 0}
    matcher = Matcher(clear_values(spec, services, period, personal))
    home = services.settings.home
    online = services.adapters.online_copies(spec).search(matcher, home / "redis")
    found = _by_place(home, [*search(home, matcher, personal, SOURCES), *online])
    _record(spec, services, period, found)
    print(
        f"searched {home} for {len(matcher.whole)} values of {', '.join(personal)}; {matcher.short} of them are "
        "shorter than 5 bytes and were looked for in columns of their own name only"
    )
    if found:
        lines = [f"- {place}, {column or 'no column'}: {values} values" for (place, column), values in found.items()]
        stands = f"{spec.name} {period}: personal values stand in clear in {len(found)} places:"
        repair = "Correct the code that wrote them (or the treatment in usecase.yaml), delete them, audit again"
        raise PrivacyError("\n".join([stands, *lines, repair]))
    return {"values": len(matcher.whole), "short": matcher.short, "findings": 0}


def clear_values(spec: UseCase, services: Services, period: Period, columns: Sequence[str]) -> set[str]:
    """Distinct values of these columns in the period's source tables; they exist in memory only."""
    values: set[str] = set()
    treat = services.privacy.treatment(spec)

    def watch(table: str, batch: pa.RecordBatch) -> pa.RecordBatch:
        for name in set(columns) & set(batch.schema.names):
            values.update(str(v) for v in pc.unique(batch[name]).to_pylist() if v is not None)
        return treat(table, batch)

    with services.places.aside() as staging:
        ingestion.collect(spec, period, services.places.landing(spec), staging, services.adapters.connector, watch)
    return values


def _by_place(home: Path, findings: Sequence[Finding]) -> dict[tuple[str, str], int]:
    """Values per place (the room and, in it, the table or directory) and column, of the file that has most."""
    found: dict[tuple[str, str], int] = {}
    for finding in findings:
        parts = finding.file.relative_to(home).parts
        key = ("/".join(parts[: max(1, min(3, len(parts) - 1))]), finding.column)
        found[key] = max(found.get(key, 0), finding.values)
    return dict(sorted(found.items()))


def _record(spec: UseCase, services: Services, period: Period, found: dict[tuple[str, str], int]) -> None:
    """One row per finding, or one that says that there is none."""
    about = {"period": period, "audited_at": datetime.now(UTC)}
    rows = [
        PrivacyFinding.model_validate({**about, "place": place, "column": column, "values": values})
        for (place, column), values in (found or {("", ""): 0}).items()
    ]
    PRIVACY_AUDITS.append(spec.name, services.adapters.lake, rows)
