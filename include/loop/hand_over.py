"""From prod to dev: what is asked for, what a person approved, and the encrypted files."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from include.contracts.governance import ExportManifest
from include.contracts.period import Period
from include.data import ingestion
from include.data import staging as stage
from include.errors import AccessError
from include.governance import answers, hand_over, privacy
from include.loop.export import write
from include.ports.exports import ExportTable
from include.ports.sources import Treat
from include.services.composition import Services
from include.specification.usecase import UseCase

RECIPIENT = "dev"


def ask(spec: UseCase, services: Services, first: Period, last: Period, reason: str, asked_by: str) -> dict:
    """Check everything that can be refused before a person is asked.

    Returns ``{"from", "to", "reason", "asked_by", "fingerprint", "summary"}``.

    Raises
    ------
    AccessError
        the spec says that data must not leave, a personal column has no treatment, this is not prod, or whoever
        asks may not read what would leave.
    SettingsError
        hand-overs have no keys of their own.
    MissingPeriodError, NotFoundError
        there is no such period; dev has published no key.
    """
    if services.settings.environment != "prod":
        raise AccessError("data is handed over from prod to dev, and this is dev: run it there, and `take_in` here")
    hand_over.require_allowed(spec)
    _require_role(spec, services, asked_by)
    _treatment(spec, services)
    periods = hand_over.periods(spec, first, last)
    exports = services.adapters.exports
    mark = exports.fingerprint(exports.recipient_key(RECIPIENT))
    summary = hand_over.summary(spec, periods, reason, asked_by, f"{RECIPIENT} (key {mark})")
    return {"from": first, "to": last, "reason": reason, "asked_by": asked_by, "fingerprint": mark, "summary": summary}


def export(spec: UseCase, services: Services, asked: dict, answer: dict | None, run: str) -> ExportManifest:
    """Write what was approved, encrypted for dev, and record it; the same run again gives the same export.

    Raises AccessError when nobody approved it, who did had asked for it or may not read what leaves, or when the
    recipient's key changed since.
    """
    approved_by = answers.approver("this hand-over", answer, {asked["asked_by"]: "asked for it"})
    _require_role(spec, services, approved_by)
    exports = services.adapters.exports
    key = exports.recipient_key(RECIPIENT)
    if exports.fingerprint(key) != asked["fingerprint"]:
        raise AccessError(f"the key of {RECIPIENT} changed after the approval; ask again")
    periods = hand_over.periods(spec, Period(asked["from"]), Period(asked["to"]))
    who = {"recipient": RECIPIENT, "requested_by": asked["asked_by"], "approved_by": approved_by}
    about = {"kind": "hand_over", "name": f"{asked['from']}-to-{asked['to']}-{run}", "reason": asked["reason"], **who}
    return write(spec, services, key, _tables(spec, services, periods, run), periods, **about)


def rejected(spec: UseCase, services: Services, answer: Mapping[str, Any]) -> str:
    """Nothing leaves."""
    return f"{spec.name}: nothing leaves, {answers.responder(answer)} rejected this hand-over"


def _tables(spec: UseCase, services: Services, periods: list[Period], run: str) -> Iterator[ExportTable]:
    """One period at a time is collected and staged, as the sample and treated; none is left behind."""
    for period in periods:
        staging = services.places.staging(spec, f"hand-over-{run}")
        try:
            _collect(spec, services, period, staging)
            for table in spec.sources:
                with pq.ParquetFile(stage.path(staging, stage.RAW, table)) as file:
                    yield ExportTable(table, period, file.schema_arrow, file.iter_batches())
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _collect(spec: UseCase, services: Services, period: Period, staging: Path) -> None:
    treat = _treatment(spec, services)
    ingestion.collect(spec, period, services.places.landing(spec), staging, services.adapters.connector, treat)


def _treatment(spec: UseCase, services: Services) -> Treat:
    """Prod's own treatment (it also leaves erased subjects out), the sample, then the hand-over's own keys.

    So no clear value gets as far as staging, and dev's tokens join with nothing in prod.
    """
    own, choose = services.privacy.treatment(spec), hand_over.sampled(spec)
    again = hand_over.proved(spec, privacy.treatment(spec, services.privacy.hand_over_keys()))
    return lambda table, batch: again(table, choose(table, own(table, batch)))


def _require_role(spec: UseCase, services: Services, user: str) -> None:
    """What leaves is at most internal, its personal columns being treated; the user must read that of every table."""
    role = services.settings.role_of(user)
    for table in spec.sources:
        if not services.access.reads(role, spec, table, "internal"):
            raise AccessError(
                f"{user!r} has the role {role!r}, which does not read internal columns of {spec.name}.{table}: "
                f"somebody with a higher role must ask for and approve a hand-over"
            )
