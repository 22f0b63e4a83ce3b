"""One table of some months as an encrypted export for a named recipient; and reading a table as a role."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pyarrow as pa

from include.contracts.governance import ExportManifest
from include.contracts.period import Period
from include.errors import AccessError, MissingPeriodError, NotFoundError
from include.ports.exports import ExportTable
from include.services import export_log
from include.services.composition import Services
from include.specification.usecase import UseCase


def export(
    spec: UseCase,
    services: Services,
    table: str,
    months: Sequence[Period],
    recipient: str,
    reason: str,
    asked_by: str,
    run: str,
) -> ExportManifest:
    """Encrypt the columns that both who asks and the recipient may read, and record it.

    Raises
    ------
    AccessError
        the recipient is not known, or a role may not read the table.
    NotFoundError, MissingPeriodError
        there is no such table, key of the recipient, or month of the table.
    """
    if recipient not in services.settings.recipients:
        known = sorted(services.settings.recipients)
        raise AccessError(f"{recipient!r} is not a recipient of exports; MOEBIUS_RECIPIENTS has {known}: add it there")
    if not months:
        raise MissingPeriodError(f"no month to export of {spec.name}.{table}: give the earlier month first")
    entry = services.settings.recipients[recipient]
    key = entry.key or services.adapters.exports.recipient_key(recipient)
    roles = (services.settings.role_of(asked_by), entry.role)
    tables = [_table(spec, services, table, month, roles) for month in months]
    who = {"recipient": recipient, "reason": reason, "requested_by": asked_by, "approved_by": asked_by}
    return write(spec, services, key, tables, months, kind="export", name=f"{table}-{months[0]}-{run}", **who)


def write(
    spec: UseCase, services: Services, key: str, tables: Iterable[ExportTable], months: Sequence[Period], **about: str
) -> ExportManifest:
    """Encrypt the tables for the public key and record the export; ``about`` are the other fields of its manifest."""
    exports = services.adapters.exports
    fields = about | {"name": about["name"][:120], "usecase": spec.name, "fingerprint": exports.fingerprint(key)}
    manifest = ExportManifest.model_validate({**fields, "periods": list(months), "created_at": datetime.now(UTC)})
    written = exports.write(manifest, key, tables)
    export_log.record(spec, services, written)
    return written


def _table(spec: UseCase, services: Services, table: str, month: Period, roles: Sequence[str]) -> ExportTable:
    rows = read_as(spec, services, roles[0], table, month)
    for role in roles[1:]:
        rows = services.access.visible_rows(role, spec, table, rows)
    return ExportTable(table, month, rows.schema, rows.to_batches())


def read_as(spec: UseCase, services: Services, role: str, table: str, period: Period | None = None) -> pa.Table:
    """The rows of a table, without the columns that the role may not read.

    Raises
    ------
    AccessError
        no such role or table, or the role may read nothing of it.
    NotFoundError, MissingPeriodError
        the table was not published, or not this month of it.
    """
    services.access.level(role, spec, table)
    if not services.adapters.lake.exists(spec.name, table):
        raise NotFoundError(f"{spec.name}.{table} is not in the lake yet; run the data pipeline")
    known = services.adapters.lake.periods(spec.name, table)
    if period is not None and period not in known:
        raise MissingPeriodError(f"{spec.name}.{table} has no rows of {period}; it has {known}")
    rows = services.adapters.lake.read(spec.name, table, None if period is None else [period])
    return services.access.visible_rows(role, spec, table, rows)
