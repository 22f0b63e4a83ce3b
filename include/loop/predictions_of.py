"""The answers about one entity, event or request, as an encrypted export that another person approves."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.contracts.found_answers import FoundAnswers
from include.contracts.governance import ExportManifest
from include.contracts.period import Period
from include.contracts.tables import RowFilter
from include.errors import AccessError, DataError, NotFoundError, SettingsError
from include.formats.plain_text import markdown
from include.governance import answers, privacy
from include.loop import export as exports
from include.ports.exports import ExportTable
from include.services.composition import Services
from include.services.found_answers import TABLES, Looker, find
from include.specification.usecase import UseCase

MOST = 10_000
TABLE = "predictions_of"
ROWS = pa.schema([("answer", pa.string())])


def ask(
    spec: UseCase, services: Services, key: str, value: str, recipient: str, reason: str, explain: bool, asked_by: str
) -> dict[str, Any]:
    """Check everything that can be refused before a person is asked; what is handed on holds no row and no value.

    Raises
    ------
    AccessError
        the recipient is not known or has no key, or a role may not look for this key.
    DataError
        nothing is found by such a key, or the value of a pseudonymised column is no reference: a form is kept.
    NotFoundError
        no answer has this value.
    """
    fingerprint = services.adapters.exports.fingerprint(exports.key_of(services, recipient))
    found = _found(spec, services, key, value, asked_by, recipient)
    if not found.answers:
        raise NotFoundError(f"{spec.name} has no answer with this {key}; check the value and the use case")
    count = f"the {len(found.answers)} newest answers" if found.more else f"{len(found.answers)} answers"
    words = (
        f"**{markdown(asked_by)}** asks for {count} of {spec.title} about one `{markdown(key)}`, for "
        f"**{markdown(recipient)}** (key {fingerprint}).\n\nReason: {markdown(reason)}\n\nWhat leaves: release, "
        f"request and features that both may read, truth{', explanation' if explain else ''}."
    )
    about = {"key": key, "recipient": recipient, "reason": reason, "explain": explain, "asked_by": asked_by}
    return about | {"fingerprint": fingerprint, "summary": words}


def rejected(spec: UseCase, services: Services, answer: Mapping[str, Any]) -> str:
    """Nothing leaves."""
    return f"{spec.name}: no answers leave, {answers.responder(answer)} rejected this request"


def export(
    spec: UseCase, services: Services, asked: Mapping[str, Any], value: str, answer: dict | None, run: str
) -> ExportManifest:
    """Look again, encrypt what who asked, the recipient and the approver may all read, and record it.

    Raises AccessError when nobody approved it, who did had asked for it, or the recipient's key changed since.
    """
    recipient, asked_by = asked["recipient"], asked["asked_by"]
    approved_by = answers.approver("this export", answer, {asked_by: "asked for it"})
    key = exports.key_of(services, recipient)
    if services.adapters.exports.fingerprint(key) != asked["fingerprint"]:
        raise AccessError(f"the key of {recipient} changed after the approval; ask again")
    found = _found(spec, services, asked["key"], value, asked_by, recipient, approved_by, explain=asked["explain"])
    rows = pa.Table.from_pylist([{"answer": one.model_dump_json()} for one in found.answers], ROWS)
    period = Period.recorded(datetime.now(UTC))
    about = {"recipient": recipient, "reason": asked["reason"], "requested_by": asked_by, "approved_by": approved_by}
    tables = [ExportTable(TABLE, period, rows.schema, rows.to_batches())]
    return exports.write(spec, services, key, tables, [period], kind="export", name=f"{TABLE}-{run}", **about)


def _found(
    spec: UseCase,
    services: Services,
    key: str,
    value: str,
    asked_by: str,
    recipient: str,
    approved_by: str = "",
    *,
    explain: bool = False,
) -> FoundAnswers:
    """What all of them may read; the login that asked looks."""
    logins = [asked_by, *filter(None, [approved_by])]
    roles = [*map(services.settings.role_of, logins), services.settings.recipients[recipient].role]
    looker = Looker(asked_by, list(dict.fromkeys(roles)), "form")
    return find(spec, services, looker, {key: _stored(spec, services, key, value)}, explain=explain, most=MOST)


def _stored(spec: UseCase, services: Services, key: str, value: str) -> str:
    """What is stored for the value of a form, which is a reference where the column is pseudonymised."""
    rule = spec.privacy.columns.get(key)
    if rule is None or rule.treatment != "pseudonymise":
        return value
    ring = services.privacy.active_keys(spec)
    if ring is None:
        raise SettingsError(f"{spec.name}: there are no pseudonym keys: {privacy.HOW_TO_KEY}")
    try:
        found = privacy.stored_as(_values(spec, services, key), value, ring)
    except ValueError:
        raise DataError(
            f"{key} is pseudonymised, and a form is kept: name it by its reference, which `moebius subject "
            f"{spec.name}` makes of the value, like k01-<32 hex digits>"
        ) from None
    if not found:
        raise NotFoundError(f"{spec.name} has no answer about {key} {value}; make the reference again")
    return min(found)


def _values(spec: UseCase, services: Services, key: str) -> set[str]:
    """Every value that answers have in the column, read by column."""
    lake, values = services.adapters.lake, set[str]()
    for table in TABLES.values():
        if lake.exists(spec.name, table) and key in lake.schema(spec.name, table).names:
            for batch in lake.batches(spec.name, table, RowFilter(columns=[key])):
                values.update(pc.unique(batch.column(0)).to_pylist())
    return {value for value in values if value}
