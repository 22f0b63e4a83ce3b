"""What the signed record holds about one verdict: whose it is, what was answered, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from include.contracts.approval import ApprovalEntry
from include.contracts.evaluation import Verdict
from include.governance import approval
from include.governance.approval import History

State = Literal["open", "approved", "rejected", "withdrawn", "expired", "nothing_to_approve"]
SAID = (*approval.ANSWERS, "agreed", "disagreed", "answer_refused")
"""Events that are about a verdict."""


@dataclass(frozen=True)
class Dossier:
    """``history`` are the entries about the versions of the verdict, oldest first, and of the registrations since."""

    judged: ApprovalEntry
    history: History

    @property
    def verdict(self) -> Verdict:
        return Verdict.model_validate(self.judged.facts["verdict"])

    @property
    def answers(self) -> list[ApprovalEntry]:
        """Every answer to it, also one that did not count, oldest first."""
        return [entry for entry in self.history if entry.event in SAID and entry.about == self.judged.sequence]

    @property
    def ended(self) -> ApprovalEntry | None:
        """What ended its question last."""
        return approval.answer(self.history, self.judged)

    @property
    def state(self) -> State:
        if self.ended is not None:
            return self.ended.event  # type: ignore[return-value] # one of ANSWERS
        return "nothing_to_approve" if self.judged.decision in approval.REFUSED else "open"

    @property
    def barred(self) -> list[str]:
        """Logins that may not answer, because they started what was judged."""
        return approval.barred(self.history, self.judged)

    @property
    def refit(self) -> int | None:
        """The version that is the refit of the candidate, when it has been made."""
        return refit_of(self.history, self.judged.version)

    @property
    def registered(self) -> ApprovalEntry | None:
        return approval.registration(self.history, self.judged.version)

    def overtaken_by(self) -> ApprovalEntry | None:
        """A newer verdict on the same version, if there is one."""
        newest = approval.newest_verdict(self.history, version=self.judged.version)
        return newest if newest and newest.sequence > self.judged.sequence else None


def refit_of(history: History, version: int) -> int | None:
    """The newest version that was registered as the refit of this one."""
    proofs = [(e.version, e.facts.get(approval.PROOF)) for e in history if e.event == "registered"]
    refits = [refit for refit, named in proofs if named and named["version"] == version]
    return refits[-1] if refits else None


def versions_of(verdict: Verdict) -> list[int]:
    """The versions that a verdict is on, each once."""
    named = (verdict.candidate, verdict.champion, verdict.champion_proof, verdict.recalibrated_from, *verdict.members)
    return list(dict.fromkeys(version for version in named if version is not None))


def joined(*parts: Sequence[ApprovalEntry]) -> list[ApprovalEntry]:
    """Entries of several reads in their order, each once."""
    entries = {entry.sequence: entry for part in parts for entry in part}
    return [entries[sequence] for sequence in sorted(entries)]
