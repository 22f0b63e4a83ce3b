"""Deletes all stored data of one subject and proves it; later periods leave the subject out."""

from datetime import UTC, datetime
from pathlib import Path

from include.contracts.pseudonyms import KeyRing, key_of
from include.errors import NotFoundError, PrivacyError, SettingsError, SpecError
from include.formats.proved_parquet import prove
from include.governance import erasure, privacy
from include.governance.mentions import Mentions, values_of
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
        mentions, mark = Mentions(stored, _subject_column(spec)), f"a subject was erased ({subject[:12]})"
        changed = rewriting.rewrite(mentions.without, mentions.blank, mark)
        changed += [erasure.Changed(place, n, 0) for place, n in copies.delete(mentions.blank).items()]
        changed += copies.erase_streamed(mentions.blank)
        copies.forget()
        # what the audit log has of the subject cannot be read without these keys
        keys = [services.adapters.audit_keys.erase(room, sorted(stored)) for room in (spec.name, "")]
        changed += [erasure.Changed("keys/audit_subjects.db", count, 0) for count in keys if count]
        rewriting.record("erasure", {"subject": subject, "reason": reason, "by": by}, changed)
        _prove(spec, services, subject, mentions)
        state.proved(subject)
    return {one.place: one.before - one.after for one in changed}


def stored_values(spec: UseCase, services: Services, subject: str) -> set[str]:
    """The subject's values, in clear or as tokens, in every place that a deletion rewrites; errors as ``delete``."""
    column = _subject_column(spec)
    keys = _keys(spec, services, subject)
    files = services.rewriting(spec).values(column)
    values = _all_values(spec, services, column) | files | services.adapters.online_copies(spec).values(column)
    audited = set().union(*(services.adapters.audit_keys.values(room) for room in (spec.name, "")))
    return privacy.stored_as(values | audited, subject, keys)


def _subject_column(spec: UseCase) -> str:
    if (column := privacy.subject_column(spec)) is None:
        raise SpecError(f"{spec.name} names no 'privacy.subject' in usecase.yaml: so there is no subject to delete")
    return column


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
        pinned = {(m.period, m.tables[table]) for m in snapshots}
        stored = services.adapters.lake.stored(spec.name, table, pinned)
        for place in stored:
            prove(place)
        values |= erasure.parquet_values(list(map(Path, stored)), column)
    for file in services.places.spool(spec).glob("*.jsonl"):
        lines = file.read_bytes().decode(errors="replace").splitlines()
        values |= {value for line in lines for value in values_of(line, column)}
    held = (value for row in services.records.quarantined_rows(spec) for value in values_of(row.content, column))
    return {value for value in values.union(held) if value}


def _prove(spec: UseCase, services: Services, subject: str, mentions: Mentions) -> None:
    """Tokens are searched in every byte; values in clear where a deletion finds them, in the subject's own column."""
    home, column = services.settings.home, _subject_column(spec)
    matcher, ours = Matcher(mentions.tokens | mentions.clear, mentions.tokens), services.places.privacy_state(spec)
    online = services.adapters.online_copies(spec).search(matcher, home / "redis")
    findings = search(home, matcher, [column], SOURCES)
    places = sorted({str(f.file.relative_to(home)) for f in [*(f for f in findings if f.file.parent != ours), *online]})
    if not places and mentions.clear and stored_values(spec, services, subject):
        places = ["the online store, the streams or the prediction spool"]
    if places:
        raise PrivacyError(
            f"{spec.name}: the deletion is not complete, the subject is still in {len(places)} files: "
            f"{', '.join(places[:20])}. Delete or repair them and run it again"
        )
    print(f"searched {home}: nothing of the subject is left")
