"""What the audit log holds of the record of approvals: one event for each verdict, answer and end of a question."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from include.contracts.approval import ApprovalEntry, ApprovalEvent
from include.contracts.audit import AuditEvent, Via
from include.governance import answers

ACTIONS: dict[ApprovalEvent, str] = {
    "verdict": "judge",
    "agreed": "approve",
    "approved": "approve",
    "disagreed": "reject",
    "rejected": "reject",
    "answer_refused": "answer",
    "withdrawn": "withdraw_question",
    "expired": "expire_question",
}
"""Entry → action; a registration is no decision."""
BY_FORM: tuple[ApprovalEvent, ...] = ("agreed", "disagreed", "rejected", "answer_refused")


def audited(entry: ApprovalEntry) -> list[AuditEvent]:
    """The event that says so in the audit log; none for a registration."""
    if entry.event not in ACTIONS:
        return []
    about = {"entry": entry.sequence, "event": entry.event, "verdict": entry.verdict, "evidence": entry.evidence}
    about |= {name: entry.facts[name] for name in ("stage", "approvers", "policy") if name in entry.facts}
    return [
        AuditEvent(
            at=entry.at, kind="decision", action=ACTIONS[entry.event], by=entry.by, via=_via(entry),
            usecase=entry.usecase, what=f"model version {entry.version}", reason=entry.reason,
            outcome="refused" if entry.event == "answer_refused" else "done", facts=about,
        )
    ]  # fmt: skip


def answered(usecase: str, what: str, answer: Mapping[str, Any]) -> AuditEvent:
    """The event of an answer about something else than a release, like an export."""
    return AuditEvent(
        at=datetime.now(UTC), kind="decision", action="approve" if answers.choice(answer) else "reject",
        by=answers.responder(answer), via="form", usecase=usecase, what=what,
    )  # fmt: skip


def _via(entry: ApprovalEntry) -> Via:
    answered = entry.event in BY_FORM or (entry.event == "approved" and "policy" not in entry.facts)
    return "form" if answered else "task"
