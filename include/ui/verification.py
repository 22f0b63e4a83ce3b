"""The last verification of the audit log, as pages show it beside what it proves, and how much is newer than it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from include.contracts.approval import ApprovalEntry
from include.contracts.audit_check import AuditCheck
from include.errors import DamagedStateError
from include.services import audit_checks
from include.specification.loader import specifications
from include.specification.usecase import UseCase
from include.ui.access import Reader
from include.ui.language import marked

COUNTS = {
    "days": marked("days of the log"),
    "entries": marked("entries of the log"),
    "predictions": marked("predictions in the log"),
    "approvals": marked("entries of the records of approvals"),
    "releases": marked("releases"),
    "checkpoints": marked("checkpoints signed before it"),
    "rows of predictions": marked("predictions in the lake"),
}
"""What a verification counts."""
NEWER = {
    "entries": marked("%(count)s entries of the log"),
    "approvals": marked("%(count)s entries of approvals"),
    "predictions": marked("%(count)s predictions"),
}
COUNTED = (50, 1000)
"""Newest approvals of a use case among which the newer ones are counted; more where all of them are newer."""
OLD = timedelta(hours=36)
"""A verification of every day is later than this when one was left out."""


class Verification(NamedTuple):
    """``check`` is None before the first one, and when a ``fault`` keeps it from being read.

    ``usecase`` is the one whose DAG verifies again, ``named`` whether the page is about it. ``newer``: what the page
    shows (of ``NEWER``) → how much of it came after the verification; ``empty``: the page shows nothing to verify.
    """

    check: AuditCheck | None
    usecase: str
    named: bool
    fault: str = ""
    newer: Mapping[str, int] = {}
    empty: bool = False
    counts: dict[str, str] = COUNTS
    kinds: dict[str, str] = NEWER

    @property
    def grows(self) -> bool:
        """Whether only the log went on, as it does with every look at a page: what was verified stays so."""
        return self.newer.keys() == {"entries"}

    @property
    def old(self) -> bool:
        return self.check is not None and datetime.now(UTC) - self.check.at > OLD

    def beside(self, *, empty: bool = False, **newer: int) -> "Verification":
        """The same with what is newer."""
        return self._replace(newer={what: count for what, count in newer.items() if count > 0}, empty=empty)


def last(reader: Reader, usecase: str = "") -> Verification:
    """One verification covers the log of all use cases, so the DAG of any of them may do it.

    Without a ``usecase`` it is the one whose DAG did it last.
    """
    try:
        check, fault = audit_checks.last(reader.services.adapters.state), ""
    except DamagedStateError as error:
        check, fault = None, str(error)
    known = specifications().good
    asked = usecase or (check.usecase if check and check.usecase in known else min(known, default=""))
    return Verification(check, asked, bool(usecase), fault)


def of_log(reader: Reader, usecase: str = "") -> Verification:
    """With how many entries of the log are newer."""
    found = last(reader, usecase)
    verified = found.check.counts.get("entries", 0) if found.check else 0
    return found.beside(entries=reader.services.adapters.audit.size() - verified)


def of_approvals(reader: Reader, spec: UseCase) -> Verification:
    """With how many entries of the record are newer; of the whole log for a role that does not read the record."""
    if not reader.reads(spec, "approvals"):
        return of_log(reader, spec.name)
    found = last(reader, spec.name)
    return found.beside(approvals=_approvals(reader, spec, found), empty=not _newest(reader, spec, 1))


def of_predictions(reader: Reader, spec: UseCase) -> Verification:
    """With how many predictions are newer."""
    found = last(reader, spec.name)
    return found.beside(predictions=_predictions(reader, spec, found), empty=not reader.records.has_answers(spec))


def of_bundles(reader: Reader, specs: Iterable[UseCase]) -> Verification:
    """With how much of what bundles describe is newer, of every use case."""
    found, every = last(reader), [*specs]
    return found.beside(
        approvals=sum(_approvals(reader, spec, found) for spec in every),
        predictions=sum(_predictions(reader, spec, found) for spec in every),
    )


def _approvals(reader: Reader, spec: UseCase, found: Verification) -> int:
    if not found.check:
        return 0
    newer = 0
    for count in COUNTED:
        newer = sum(entry.at > found.check.at for entry in _newest(reader, spec, count))
        if newer < count:
            break
    return newer


def _newest(reader: Reader, spec: UseCase, count: int) -> list[ApprovalEntry]:
    return reader.records.some_approvals(spec, newest=count)


def _predictions(reader: Reader, spec: UseCase, found: Verification) -> int:
    return reader.services.adapters.audit.answers_after(spec.name, found.check.at) if found.check else 0
