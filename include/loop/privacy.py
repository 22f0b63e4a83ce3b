"""Treatment of personal columns at ingestion, and the audit that none of their values is stored in clear."""

import logging
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from include.contracts.governance import PrivacyFinding
from include.contracts.period import Period
from include.contracts.pseudonyms import KeyRing
from include.data import ingestion
from include.errors import PrivacyError, SettingsError
from include.governance import privacy as treatments
from include.governance.traces import Finding, Matcher, search
from include.records.registry import PRIVACY_AUDITS
from include.services.composition import Services
from include.specification.usecase import UseCase

log = logging.getLogger(__name__)

SOURCES = ("landing",)
"""Rooms of the state root that others fill: they hold source files, in clear by their nature."""


def treatment(spec: UseCase, services: Services) -> Callable[[str, pa.RecordBatch], pa.RecordBatch]:
    """What the pipeline does to each raw batch before it is staged; see ``include.governance.privacy.treatment``."""
    return treatments.treatment(spec, active_keys(spec, services), sorted(services.records.privacy(spec).erased()))


def active_keys(spec: UseCase, services: Services) -> KeyRing | None:
    """The keys up to the one that stored tokens are of; a newer one waits for the DAG ``key_rotation``.

    None when there are no keys. The first use of a key is noted, so that a key that is added later is known
    to be new.

    Raises
    ------
    SettingsError
        the keys cannot be used, or the one in use is not among them.
    """
    keys = services.pseudonym_keys
    if keys is None:
        return None
    state = services.records.privacy(spec)
    if (active := state.active_key()) is None:
        state.use_key(active := keys.current)
    try:
        return keys.until(active)
    except ValueError as error:
        raise SettingsError(f"{spec.name}: {error}") from None


def audit(spec: UseCase, services: Services, period: Period) -> dict[str, int]:
    """Search the whole state root for the clear personal values that the source has for the month.

    The values are read from the source into memory; what ingestion stages meanwhile is treated. Returns counts:
    values searched, those too short to search everywhere, findings. Every finding is kept in the lake table
    ``privacy_audits``.

    Raises
    ------
    PrivacyError
        a value was found: says in which place and column, and how many, never which.
    """
    personal = treatments.personal_columns(spec)
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
        raise PrivacyError(
            "\n".join(
                [
                    f"{spec.name} {period}: personal values stand in clear in {len(found)} places:",
                    *lines,
                    "Correct the code that wrote them (or the treatment in usecase.yaml), delete them, audit again",
                ]
            )
        )
    return {"values": len(matcher.whole), "short": matcher.short, "findings": 0}


def clear_values(spec: UseCase, services: Services, period: Period, columns: Sequence[str]) -> set[str]:
    """Distinct values of these columns in the month's source tables; they exist in memory only."""
    values: set[str] = set()
    treat = treatment(spec, services)

    def watch(table: str, batch: pa.RecordBatch) -> pa.RecordBatch:
        for name in set(columns) & set(batch.schema.names):
            values.update(str(v) for v in pc.unique(batch[name]).to_pylist() if v is not None)
        return treat(table, batch)

    services.settings.staging.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".audit-", dir=services.settings.staging) as staging:
        ingestion.collect(
            spec, period, services.places.landing(spec), Path(staging), services.adapters.connector, watch
        )
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
