"""Who approves a verdict, what they are asked, and what becomes of their answer.

Every function takes the ``run`` of the evaluation and finds its verdict in the signed record: no word of a task, of
MLflow or of an asset event counts.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from include.contracts.approval import ApprovalEntry
from include.contracts.deployment import ReleaseRef
from include.contracts.notices import Notice, NoticeKind
from include.errors import ApprovalError, NotFoundError
from include.evaluation.report import render
from include.governance import answers, approval, stages
from include.services import evidence, notices, questions, verdicts
from include.services.approvals import Ledger, verdict_of
from include.services.composition import Services
from include.specification.usecase import UseCase


def report(spec: UseCase, services: Services, run: str) -> str:
    """The verdict of an evaluation as Markdown, for who approves."""
    return render(verdict_of(_judged(spec, services.approvals.history(spec), run)))


def route(spec: UseCase, services: Services, run: str) -> approval.Approver:
    """Who must approve the verdict of an evaluation."""
    return approval.approver(spec, verdict_of(_judged(spec, services.approvals.history(spec), run)))


def question(spec: UseCase, services: Services, run: str) -> dict[str, Any]:
    """What a person is asked: ``body`` (Markdown), and ``answering``, the logins of the settings that may answer.

    ``settled``: what ended the question, when it has ended; ``agreed``: how many approvals count so far.
    """
    history = services.approvals.history(spec)
    judged = _judged(spec, history, run)
    entry = approval.answer(history, judged)
    answering = stages.answering(spec, services.settings.roles, history, judged)
    return {
        "body": questions.body(spec, history, judged, answering), "answering": answering,
        "agreed": len(stages.agreed(history, judged)), "settled": entry.event if entry else None,
    }  # fmt: skip


def news(spec: UseCase, services: Services, run: str, since: datetime, now: datetime) -> str | None:
    """What the waiting task has to do: ``settled`` or ``expired``, or to ``remind`` or ``escalate``; None: to wait on.

    A question is settled, too, when a newer verdict came, or another champion than the verdict's serves by now.
    """
    history = services.approvals.history(spec)
    judged = _judged(spec, history, run)
    if approval.answer(history, judged) or approval.staleness(history, judged, services.serving.champion(spec)):
        return "settled"
    return stages.due(spec, judged, since, now)


def settle(spec: UseCase, services: Services, run: str) -> ApprovalEntry:
    """What ended a question without an answer, signed here where it was not: a withdrawal, or its expiry.

    Raises ApprovalError when the question is open.
    """
    serving = services.serving.champion(spec)
    with services.approvals.adding(spec) as ledger:
        judged = _judged(spec, ledger.history, run)
        entry = _ended(spec, services, ledger, judged, serving)
    if entry is None:
        raise ApprovalError(f"the question about version {judged.version} of {spec.name} is open: answer it")
    verdicts.show_newest(spec, services, judged.version)
    return entry


def _ended(
    spec: UseCase, services: Services, ledger: Ledger, judged: ApprovalEntry, serving: ReleaseRef | None
) -> ApprovalEntry | None:
    """What has ended the question, or does so now: another champion, changed evidence, or its time."""
    entry = approval.answer(ledger.history, judged)
    if entry is not None and entry.event != "approved":
        return entry
    if (stale := ledger.withdraw_stale(judged, serving)) or entry:
        return stale or entry
    if what := evidence.changed(spec, services.adapters, ledger.history, judged):
        why = f"since it was judged {what}: evaluate version {judged.version} again"
        return ledger.conclude("withdrawn", judged, by=approval.CHANGED_EVIDENCE, reason=why)
    if datetime.now(UTC) >= stages.expires_at(spec, judged):
        why = stages.expiry(spec, ledger.history, judged)
        return ledger.conclude("expired", judged, by=stages.NOBODY_ANSWERED, reason=why)
    return None


def overtaken(
    spec: UseCase, services: Services, run: str = "", version: int | str | None = None
) -> dict[str, Any] | None:
    """What to judge again because a new champion serves: ``version``, ``run_id`` of the evaluation, ``reason``.

    Of the verdict of a run or on a version (of a refit on its proof), else of the newest verdict. Of an average its
    newest member is judged. None when the verdict was not withdrawn for that, the version was judged since, or a newer
    candidate waits for an answer.
    """
    history = services.approvals.history(spec)
    asked: dict[str, Any] = {"run": run} if run else {}
    if version:
        asked["version"] = approval.proof_version(history, int(version))
    entry = approval.overtaken(history, **asked)
    if entry is None:
        return None
    registered = approval.registration(history, entry.version)
    members = registered.facts["members"] if registered else []
    again = members[-1] if members else entry.version
    return {"version": again, "run_id": f"again__v{again}__{entry.sequence}", "reason": entry.reason}


def record_answer(spec: UseCase, services: Services, run: str, given: Mapping[str, Any]) -> ApprovalEntry:
    """Sign what a person answered, as Airflow recorded it; a question that has ended stays as it ended.

    It ends here, too, when another champion serves than the verdict names, its evidence changed, or its time is over.

    Raises ApprovalError when the answer does not count; the record says that it was given.
    """
    serving = services.serving.champion(spec)
    with services.approvals.adding(spec) as ledger:
        judged = _judged(spec, ledger.history, run)
        entry = _ended(spec, services, ledger, judged, serving) or _answered(spec, services, ledger, judged, given)
    verdicts.show_newest(spec, services, judged.version)
    return entry


def _answered(
    spec: UseCase, services: Services, ledger: Ledger, judged: ApprovalEntry, given: Mapping[str, Any]
) -> ApprovalEntry:
    try:
        if approval.approver(spec, verdict_of(judged)) == "nobody":
            raise ApprovalError(f"the verdict is {judged.decision}: there is nothing to approve")
        answer = stages.require_answer(spec, services.settings.roles, ledger.history, judged, given)
    except ApprovalError as refusal:
        ledger.conclude("answer_refused", judged, by=answers.responder(given) or "nobody", reason=str(refusal))
        raise
    return ledger.conclude(answer.event, judged, by=answer.login, reason=answer.reason, facts=answer.facts)


def notice(spec: UseCase, services: Services, run: str, kind: NoticeKind, link: str) -> Notice:
    """The notice about the question of a run; names without an address are recorded as not reached."""
    history = services.approvals.history(spec)
    told = notices.notice(spec, services, history, _judged(spec, history, run), kind, link)
    for name in told.unreachable:
        print(f"{name} gets no notice: MOEBIUS_NOTIFY_ADDRESSES and MOEBIUS_NOTIFY_WEBHOOKS do not name it", flush=True)
        record_notice(spec, services, run, kind, name, "none", "no setting has an address")
    return told


def record_notice(
    spec: UseCase, services: Services, run: str, kind: NoticeKind, name: str, way: str, fault: str = ""
) -> None:
    """Record that a notice was sent or, with a fault, was not."""
    notices.record(spec, services, [notices.recorded(run, kind, name, way, fault)])


def post(spec: UseCase, services: Services, url: str, text: str) -> None:
    """Send a message to a channel; raises ServiceError, and SettingsError when the URL names an unset variable."""
    services.adapters.channels.post(services.adapters.resolve(url), text)


def outcome(spec: UseCase, services: Services, run: str, event: str = "") -> str:
    """How an evaluation that leads to no deployment ended, in words.

    Raises ApprovalError when the record has not the ``event`` that a task stands for: ``rejected``, ``withdrawn`` or
    ``expired``.
    """
    history = services.approvals.history(spec)
    judged = _judged(spec, history, run)
    entry = approval.answer(history, judged)
    if event and (entry is None or entry.event != event):
        raise ApprovalError(f"version {judged.version} was not {event}: a task was marked by hand; clear `approve`")
    if entry is None:
        return f"the champion keeps serving: {judged.reason}"
    return f"version {judged.version} was {entry.event} by {entry.by}, {entry.at:%Y-%m-%d %H:%M} UTC: {entry.reason}"


def record_approval(spec: UseCase, services: Services, run: str) -> dict[str, Any] | None:
    """Hand the approved version over: ``{"version", "verdict"}`` (the verdict's hash); None when it was withdrawn, as
    it is here when another champion serves than the one that it names.

    The record decides, not what the tasks before said: a verdict that needs a person needs that person's signed
    answer, and only a verdict that the spec leaves to its policy is approved here.

    Raises ApprovalError for a verdict that refuses, that was rejected, or that a person has not approved.
    """
    serving = services.serving.champion(spec)
    with services.approvals.adding(spec) as ledger:
        judged = _judged(spec, ledger.history, run)
        entry = approval.answer(ledger.history, judged)
        if entry is None or entry.event == "approved":
            entry = ledger.withdraw_stale(judged, serving) or entry or _by_policy(spec, ledger, judged)
    if entry.event == "withdrawn":
        return None
    evidence.require_unchanged(spec, services.adapters, services.approvals.history(spec), judged.version)
    if why := approval.objection(services.approvals.history(spec), judged.version):
        raise ApprovalError(f"version {judged.version} of {spec.name} is not handed over: {why}")
    people = [who["login"] for who in entry.facts.get("approvers", [])] or [entry.by]
    tags = {"approved_verdict": judged.verdict, "approved_by": ", ".join(people), "decision": judged.decision}
    tags |= {"approved_evidence": judged.evidence, "approved_at": entry.at.isoformat(timespec="seconds")}
    verdicts.show_newest(spec, services, judged.version, tags=tags, alias="challenger")
    return {"version": judged.version, "verdict": judged.verdict}


def _by_policy(spec: UseCase, ledger: Ledger, judged: ApprovalEntry) -> ApprovalEntry:
    verdict = verdict_of(judged)
    must = approval.approver(spec, verdict)
    if must != "policy":
        needed = "it must not be approved" if must == "nobody" else "a person must answer the required action `approve`"
        raise ApprovalError(
            f"the verdict on version {judged.version} of {spec.name} is {judged.decision}, and nobody approved it: "
            f"{needed}. A task that is marked as successful approves nothing"
        )
    key, value = approval.rule(spec, verdict)
    facts = {"policy": key, "spec": approval.spec_hash(spec)}
    return ledger.conclude("approved", judged, by=f"{key}: {value}", reason="the policy in usecase.yaml", facts=facts)


def _judged(spec: UseCase, history: approval.History, run: str) -> ApprovalEntry:
    """The verdict that a run of the evaluation signed; raises NotFoundError when there is none."""
    judged = approval.newest_verdict(history, run=run)
    if judged is None:
        raise NotFoundError(f"{spec.name}: the evaluation {run} has no verdict in the record: clear its task `compare`")
    return judged
