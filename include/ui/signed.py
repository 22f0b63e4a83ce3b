"""Parts of the signed record of approvals: a page reads the entries that it shows, however long the record is."""

from functools import partial

from include.contracts.approval import ApprovalEntry
from include.contracts.evaluation import Verdict
from include.governance import approval, dossier
from include.governance.dossier import Dossier
from include.specification.usecase import UseCase
from include.ui.access import Reader

REFITS_WITHIN = 12
"""Entries after a verdict among which the registration of its refit is looked for: it follows the approval."""
ASKED = 60
"""Newest verdicts among which open questions are looked for: a question that nobody answers ends after some days."""


def about(spec: UseCase, reader: Reader, version: int) -> list[ApprovalEntry]:
    """The entries about a version, and of a refit about the version that was judged for it, oldest first."""
    read = partial(reader.records.some_approvals, spec)
    registered = read(event="registered", version=version)
    return list(read(version=sorted({version, approval.proof_version(registered, version)})))


def with_history(spec: UseCase, reader: Reader, judged: ApprovalEntry) -> Dossier:
    """The verdict with all that is recorded of its versions, and the registration of its refit."""
    read = partial(reader.records.some_approvals, spec)
    of = dossier.versions_of(Verdict.model_validate(judged.facts["verdict"]))
    after = (judged.sequence, judged.sequence + REFITS_WITHIN)
    since = read(event="registered", within={"sequence": after})
    return Dossier(judged, dossier.joined(read(version=of), since))


def unanswered(spec: UseCase, reader: Reader) -> list[ApprovalEntry]:
    """Verdicts that somebody may still have to answer, oldest first."""
    read = partial(reader.records.some_approvals, spec)
    judged = read(event="verdict", newest=ASKED)
    if not judged:
        return []
    ended = {entry.about for entry in read(event=[*approval.ANSWERS], since=judged[0].sequence)}
    return [one for one in judged if one.decision not in approval.REFUSED and one.sequence not in ended]


def open_questions(spec: UseCase, reader: Reader) -> list[Dossier]:
    """The same, with what is recorded of each."""
    return [with_history(spec, reader, one) for one in unanswered(spec, reader)]
