"""Notices about a question that waits for a person: receivers and text, and the record of what was sent."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from include.contracts.approval import ApprovalEntry
from include.contracts.notices import Notice, NoticeKind, Receiver, RecordedNotice
from include.governance import approval, stages
from include.records.registry import NOTICES
from include.services.composition import Services
from include.specification.usecase import UseCase

SUBJECTS: dict[NoticeKind, str] = {
    "asked": "version {} waits for your approval",
    "remind": "version {} still waits for your approval",
    "escalate": "nobody has answered for version {}",
    "expired": "the question about version {} ended without an answer",
}


def notice(
    spec: UseCase, services: Services, history: approval.History, judged: ApprovalEntry, kind: NoticeKind, link: str
) -> Notice:
    """Text and receivers of a notice about a question: who may answer, the channels of the spec and, once the question
    escalates, those of its escalation."""
    names = _names(spec, services, history, judged)
    found = [receiver for name in names for receiver in _receivers(services, name)]
    reached = {receiver.name for receiver in found}
    subject = f"[{services.settings.title}] {spec.name}: {SUBJECTS[kind].format(judged.version)}"
    lines = [
        f"{spec.title}: {SUBJECTS[kind].format(judged.version)}.",
        f"Verdict: {judged.decision}. Wanted: {stages.asked_of(spec, history, judged)}.",
        f"Without an answer it ends on {stages.expires_at(spec, judged):%Y-%m-%d %H:%M} UTC, and the champion stays.",
    ]
    if kind == "expired":
        lines = [lines[0], f"{stages.expiry(spec, history, judged)}. Evaluate the version again to ask once more."]
    text = "\n".join([*lines, link])
    unreachable = [name for name in names if name not in reached]
    return Notice(kind=kind, subject=subject, text=text, receivers=found, unreachable=unreachable)


def _names(spec: UseCase, services: Services, history: approval.History, judged: ApprovalEntry) -> list[str]:
    """Each name once. A login without an address is silent unless the spec names it or other logins have one."""
    rules, addresses = spec.approval, services.settings.notify_addresses
    people = [name for name in stages.answering(spec, services.settings.roles, history, judged) if name in addresses]
    named = [name for name in stages.wanted(spec, history, judged).logins if name in addresses]
    late = stages.escalates_at(spec, judged)
    escalated = rules.escalate.to if rules.escalate and late and datetime.now(UTC) >= late else []
    out = approval.barred(history, judged)
    return list(dict.fromkeys([*people, *(name for name in named if name not in out), *rules.notify, *escalated]))


def _receivers(services: Services, name: str) -> Iterator[Receiver]:
    if address := services.settings.notify_addresses.get(name):
        yield Receiver(name=name, way="mail", address=address)
    if url := services.settings.notify_webhooks.get(name):
        yield Receiver(name=name, way="webhook", address=url)


def record(spec: UseCase, services: Services, rows: Sequence[RecordedNotice]) -> None:
    """Keep what was sent and what was not."""
    NOTICES.append(spec.name, services.adapters.lake, rows)


def recorded(run: str, kind: NoticeKind, name: str, way: str, fault: str = "") -> RecordedNotice:
    """One notice, sent or, with a fault, not."""
    about = {"run": run, "kind": kind, "receiver": name, "way": way, "fault": fault}
    return RecordedNotice.model_validate({**about, "at": datetime.now(UTC), "outcome": "failed" if fault else "sent"})
