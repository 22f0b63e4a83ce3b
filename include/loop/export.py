"""One table of some periods as an encrypted export for a named recipient; and reading a table as a role."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from include.contracts.governance import ExportManifest
from include.contracts.period import Period, periods_text
from include.contracts.tables import RowFilter
from include.errors import AccessError, DataError, MissingPeriodError, NotFoundError
from include.formats.plain_text import markdown
from include.governance import answers
from include.ports.exports import ExportTable
from include.services import export_log
from include.services.composition import Services
from include.specification.usecase import UseCase


def ask(
    spec: UseCase,
    services: Services,
    table: str,
    periods: Sequence[Period],
    recipient: str,
    reason: str,
    asked_by: str,
) -> dict[str, Any]:
    """Check everything that can be refused before a person is asked.

    Returns ``{"table", "from", "to", "recipient", "reason", "asked_by", "fingerprint", "columns", "summary"}``.

    Raises
    ------
    AccessError
        the recipient is not known, or a role may not read the table.
    NotFoundError, MissingPeriodError
        there is no such table, key of the recipient, or period of the table.
    """
    _require_recipient(services, recipient)
    if not periods:
        raise MissingPeriodError(f"no period to export of {spec.name}.{table}: give the earlier period first")
    asked = {"table": table, "from": periods[0], "to": periods[-1], "recipient": recipient, "reason": reason}
    asked |= {"asked_by": asked_by, "fingerprint": services.adapters.exports.fingerprint(key_of(services, recipient))}
    tables = _tables(spec, services, asked)
    asked["columns"] = tables[0].schema.names
    return asked | {"summary": _summary(spec, asked, sum(batch.num_rows for t in tables for batch in t.batches))}


def export(spec: UseCase, services: Services, asked: dict[str, Any], answer: dict | None, run: str) -> ExportManifest:
    """Encrypt the columns that both who asked and the recipient may read, and record it.

    Raises AccessError when nobody approved it, who did had asked for it or may not read what leaves, or when key or
    columns changed since; and as ``ask``.
    """
    approved_by = answers.approver("this export", answer, {asked["asked_by"]: "asked for it"})
    role, columns = services.settings.role_of(approved_by), asked["columns"]
    if services.access.visible_columns(role, spec, asked["table"], columns) != columns:
        raise AccessError(f"{approved_by!r} (role {role!r}) may not read all of {columns}: a higher role must approve")
    key = key_of(services, asked["recipient"])
    tables = _tables(spec, services, asked)
    if (services.adapters.exports.fingerprint(key), tables[0].schema.names) != (asked["fingerprint"], columns):
        raise AccessError(f"the key of {asked['recipient']} or its columns changed after the approval; ask again")
    about = {name: asked[name] for name in ("recipient", "reason")}
    about |= {"requested_by": asked["asked_by"], "approved_by": approved_by}
    name = f"{asked['table']}-{asked['from']}-{run}"
    return write(spec, services, key, tables, _periods(asked), kind="export", name=name, **about)


def rejected(spec: UseCase, services: Services, answer: Mapping[str, Any]) -> str:
    """Nothing leaves."""
    return f"{spec.name}: nothing leaves, {answers.responder(answer)} rejected this export"


def _periods(asked: dict[str, Any]) -> list[Period]:
    return Period.between(Period(asked["from"]), Period(asked["to"]))


def _require_recipient(services: Services, recipient: str) -> None:
    if recipient not in services.settings.recipients:
        known = sorted(services.settings.recipients)
        raise AccessError(f"{recipient!r} is not a recipient of exports; MOEBIUS_RECIPIENTS has {known}: add it there")


def key_of(services: Services, recipient: str) -> str:
    """The public key of a recipient; raises AccessError when it is not known, NotFoundError when it has no key."""
    _require_recipient(services, recipient)
    return services.settings.recipients[recipient].key or services.adapters.exports.recipient_key(recipient)


def _tables(spec: UseCase, services: Services, asked: dict[str, Any]) -> list[ExportTable]:
    roles = (services.settings.role_of(asked["asked_by"]), services.settings.recipients[asked["recipient"]].role)
    return [_table(spec, services, asked["table"], period, roles) for period in _periods(asked)]


def _summary(spec: UseCase, asked: dict[str, Any], rows: int) -> str:
    """What the approver reads, as Markdown."""
    recipient = f"{markdown(asked['recipient'])} (key {asked['fingerprint']})"
    return (
        f"**{markdown(asked['asked_by'])}** asks to export **{asked['from']} to {asked['to']}** of {spec.title}, "
        f"table {asked['table']}, to **{recipient}**.\n\n"
        f"Reason: {markdown(asked['reason'])}\n\n{rows} rows, with the columns {', '.join(asked['columns'])}"
    )


def write(
    spec: UseCase, services: Services, key: str, tables: Iterable[ExportTable], periods: Sequence[Period], **about: str
) -> ExportManifest:
    """Encrypt the tables for the public key and record the export; ``about`` are the other fields of its manifest."""
    exports = services.adapters.exports
    fields = about | {"name": about["name"][:120], "usecase": spec.name, "fingerprint": exports.fingerprint(key)}
    manifest = ExportManifest.model_validate({**fields, "periods": list(periods), "created_at": datetime.now(UTC)})
    with services.adapters.locks.hold(f"exports/{spec.name}/{manifest.name}"):  # written and recorded once
        written = exports.write(manifest, key, tables)
        export_log.record(spec, services, written)
    return written


def _table(spec: UseCase, services: Services, table: str, period: Period, roles: Sequence[str]) -> ExportTable:
    rows = read_as(spec, services, roles[0], table, period)
    for role in roles[1:]:
        rows = services.access.visible_rows(role, spec, table, rows)
    return ExportTable(table, period, rows.schema, rows.to_batches())


def read_as(
    spec: UseCase,
    services: Services,
    role: str,
    table: str,
    period: Period | None = None,
    equal: Mapping[str, str] = MappingProxyType({}),
) -> pa.Table:
    """The rows of a table, without the columns that the role may not read; ``equal``: only with these values.

    Raises
    ------
    AccessError
        no such role or table, or the role may read nothing of it, or not a column of ``equal``.
    NotFoundError, MissingPeriodError
        the table was not published, or not this period of it.
    DataError
        a value of ``equal`` is not one of its column's type.
    """
    services.access.level(role, spec, table)
    if not services.adapters.lake.exists(spec.name, table):
        raise NotFoundError(f"{spec.name}.{table} is not in the lake yet; run the data pipeline")
    known = services.adapters.lake.periods(spec.name, table)
    if period is not None and period not in known:
        raise MissingPeriodError(f"{spec.name}.{table} has no rows of {period}; it has {periods_text(known)}")
    schema = services.adapters.lake.schema(spec.name, table)
    columns = services.access.require(role, spec, table, schema.names)
    if hidden := [name for name in equal if name not in columns]:  # whoever may not see it may not ask for it either
        raise AccessError(f"{spec.name}.{table} has no column {hidden[0]!r} that {role} reads; it reads {columns}")
    conditions = {name: _stored(spec, services, schema.field(name), text) for name, text in equal.items()}
    wanted = RowFilter(periods=None if period is None else [period], equal=conditions, columns=columns)
    return services.adapters.lake.select(spec.name, table, wanted)


def _stored(spec: UseCase, services: Services, column: pa.Field, text: str) -> Any:
    """What the column has for this text: a value of its type; if it is pseudonymised, a token or that of the text."""
    rule = spec.privacy.columns.get(column.name)
    if rule and rule.treatment == "pseudonymise" and (keys := services.privacy.active_keys(spec)):
        return [text, keys.token(text)]
    try:
        return pa.scalar(text).cast(column.type).as_py()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{column.name} = {text!r}: the column holds values of type {column.type}") from error
