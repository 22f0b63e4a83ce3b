"""Deletes all stored data of one subject and proves it; later months leave the subject out."""

import json
from datetime import UTC, datetime

from include.contracts.pseudonyms import KeyRing, key_of
from include.errors import NotFoundError, PrivacyError, SettingsError, SpecError
from include.governance import erasure, privacy
from include.governance.traces import SOURCES, Matcher, search
from include.services.composition import Services
from include.specification.usecase import UseCase

SEARCHED = (
    "the lake in all versions that a snapshot pins, datasets, staging, quarantine, the prediction spool, the online "
    "store and the streams"
)


def delete(spec: UseCase, services: Services, subject: str, reason: str, by: str) -> dict[str, int]:
    """Delete the subject's rows in every place, then search for what is left; rows per place that went.

    ``subject`` is a reference (``moebius subject``). May be repeated: a run that was killed is finished.

    Raises
    ------
    SpecError
        the use case names no ``privacy.subject``.
    SettingsError
        there are no keys, or the reference is of another key than the one in use.
    NotFoundError
        nothing that is stored names the subject, and it was never erased; nothing is recorded.
    PrivacyError
        something of the subject is still there; says where.
    """
    copies, rewriting = services.adapters.online_copies(spec), services.rewriting(spec)
    state = services.records.privacy(spec)
    with state.alone():
        stored = stored_values(spec, services, subject) | state.sought(subject)
        if not stored and subject not in state.erased():
            raise NotFoundError(f"{unknown(spec, subject)}; nothing was deleted, and no erasure is recorded")
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


def stored_values(spec: UseCase, services: Services, subject: str) -> set[str]:
    """The subject's values, in clear or as tokens, in every place that a deletion rewrites; errors as ``delete``."""
    column = privacy.subject_column(spec)
    if column is None:
        raise SpecError(f"{spec.name} names no 'privacy.subject' in usecase.yaml: so there is no subject to delete")
    keys = _keys(spec, services, subject)
    files = services.rewriting(spec).values(column)
    values = _all_values(spec, services, column) | files | services.adapters.online_copies(spec).values(column)
    return privacy.stored_as(values, subject, keys)


def unknown(spec: UseCase, subject: str) -> str:
    """What to say of a subject that nothing names."""
    return (
        f"{spec.name}: nothing that is stored names the subject {subject}; searched were {SEARCHED}. Check what "
        f"`moebius subject {spec.name}` was given: upper and lower case, blanks, the use case"
    )


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
    """Every value of the subject's column that is stored: in any pinned version, logged, or held by a gate."""
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
    held = (json.loads(row.content).get(column) for row in services.records.quarantined_rows(spec))
    return values | {str(value) for value in held if value}


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
