"""Deletes all stored data of one subject and proves it; later months leave the subject out."""

import json
from datetime import UTC, datetime

from include.contracts.pseudonyms import KeyRing, key_of
from include.errors import PrivacyError, SettingsError, SpecError
from include.governance import erasure, privacy
from include.governance.traces import SOURCES, Matcher, search
from include.services.composition import Services
from include.specification.usecase import UseCase


def delete(spec: UseCase, services: Services, subject: str, reason: str, by: str) -> dict[str, int]:
    """Delete the subject's rows in every place, then search for what is left; rows per place that went.

    ``subject`` is a reference (``moebius subject``). May be repeated: a run that was killed is finished.

    Raises
    ------
    SpecError
        the use case names no ``privacy.subject``.
    SettingsError
        there are no keys, or the reference is of another key than the one in use.
    PrivacyError
        something of the subject is still there; says where.
    """
    column = privacy.subject_column(spec)
    if column is None:
        raise SpecError(f"{spec.name} names no 'privacy.subject' in usecase.yaml: so there is no subject to delete")
    keys = _keys(spec, services, subject)
    copies, rewriting = services.adapters.online_copies(spec), services.rewriting(spec)
    state = services.records.privacy(spec)
    with state.alone():
        values = _all_values(spec, services, column) | copies.values(column)
        stored = privacy.stored_as(values, subject, keys) | state.sought(subject)
        state.seek(subject, stored)
        # from now on ingestion leaves the subject's rows out; before the rewriting, so that a kill cannot forget it
        state.erase(subject, {"at": datetime.now(UTC).isoformat(timespec="seconds"), "by": by, "reason": reason})
        line, mark = erasure.blank(stored), f"a subject was erased ({subject[:12]})"
        changed = rewriting.rewrite(erasure.without(stored), line, mark)
        changed += [erasure.Changed(place, n, 0) for place, n in copies.delete(line).items()]
        changed += copies.erase_streamed(line)
        copies.forget()
        rewriting.record("erasure", {"subject": subject, "reason": reason, "by": by}, changed)
        _prove(spec, services, stored)
        state.proved(subject)
    return {one.place: one.before - one.after for one in changed}


def _keys(spec: UseCase, services: Services, subject: str) -> KeyRing:
    keys = services.privacy.active_keys(spec)
    if keys is None:
        raise SettingsError(f"{spec.name}: there are no pseudonym keys, which identify a subject: {privacy.HOW_TO_KEY}")
    try:
        made_with = key_of(subject)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    if made_with != keys.current:
        raise SettingsError(
            f"the reference is of key {made_with}, the key in use is {keys.current}: make it again with "
            f"`moebius subject {spec.name}`"
        )
    return keys


def _all_values(spec: UseCase, services: Services, column: str) -> set[str]:
    """Every value of the subject's column that is stored: in any pinned version, or logged."""
    values: set[str] = set()
    for table in services.adapters.lake.tables(spec.name):
        snapshots = [m for m in services.records.all_snapshots(spec) if table in m.tables]
        pinned = {(m.period, m.tables[table].version) for m in snapshots}
        kept = [services.adapters.lake.read(spec.name, table, [period], version) for period, version in sorted(pinned)]
        for rows in (services.adapters.lake.read(spec.name, table), *kept):
            if column in rows.column_names:
                values.update(str(v) for v in rows[column].unique().to_pylist() if v)
    for file in services.places.spool(spec).glob("*.jsonl"):
        values |= {str(v) for line in file.read_bytes().splitlines() if (v := _logged(line, column))}
    return values


def _logged(line: bytes, column: str) -> object:
    try:
        return json.loads(line)["inputs"].get(column)
    except (ValueError, KeyError, TypeError, AttributeError):  # no record, or one of another kind
        return None


def _prove(spec: UseCase, services: Services, stored: set[str]) -> None:
    home = services.settings.home
    online = services.adapters.online_copies(spec).search(Matcher(stored), home / "redis")
    column, ours = privacy.subject_column(spec) or "", services.places.privacy_state(spec)
    findings = search(services.settings.home, Matcher(stored), [column], SOURCES)
    if left := [*(f for f in findings if f.file.parent != ours), *online]:
        places = sorted({str(f.file.relative_to(services.settings.home)) for f in left})
        raise PrivacyError(
            f"{spec.name}: the deletion is not complete, the subject is still in {len(places)} files: "
            f"{', '.join(places[:20])}. Delete or repair them and run it again"
        )
    print(f"searched {services.settings.home}: nothing of the subject is left")
