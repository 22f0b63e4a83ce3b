"""Who approves a verdict, what they are asked, and what becomes of their answer.

Every function takes the ``run`` of the evaluation and finds its verdict in the signed record: no word of a task, of
MLflow or of an asset event counts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from include.contracts.approval import ApprovalEntry
from include.errors import ApprovalError, NotFoundError
from include.evaluation.report import render
from include.governance import answers, approval, rights
from include.services import verdicts
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
    """What a person is asked: ``body`` (Markdown), and ``answering``, the logins of the settings that may answer."""
    history = services.approvals.history(spec)
    judged = _judged(spec, history, run)
    starters = approval.barred(history, judged)
    answering = rights.answering(services.settings.roles, "retrain_evaluation", starters)
    return {"body": _body(judged, starters, answering), "answering": answering}


def _body(judged: ApprovalEntry, starters: Sequence[str], answering: Sequence[str]) -> str:
    lines = [render(verdict_of(judged)), f"Verdict `{judged.verdict[:12]}` on version {judged.version}."]
    if starters:
        lines.append(f"Somebody else than **{', '.join(starters)}** must answer, who started it.")
    if not answering:
        lines.append("No other login is known here: add one to `MOEBIUS_AIRFLOW_USERS`.")
    return "\n\n".join([*lines, "Your reason is recorded with your answer."])


def is_withdrawn(spec: UseCase, services: Services, run: str) -> bool:
    """Whether a newer verdict came before anybody answered, or another champion than the verdict's serves by now."""
    history = services.approvals.history(spec)
    judged = _judged(spec, history, run)
    said = approval.answer(history, judged)
    if said is not None:
        return said.event == "withdrawn"
    return bool(approval.staleness(history, judged, services.serving.champion(spec)))


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
    said = approval.overtaken(history, **asked)
    if said is None:
        return None
    registered = approval.registration(history, said.version)
    members = registered.facts["members"] if registered else []
    again = members[-1] if members else said.version
    return {"version": again, "run_id": f"again__v{again}__{said.sequence}", "reason": said.reason}


def record_answer(spec: UseCase, services: Services, run: str, given: Mapping[str, Any]) -> ApprovalEntry:
    """Sign what a person answered, as Airflow recorded it; a question that was withdrawn stays withdrawn.

    A verdict that names another champion than the one that serves is withdrawn instead.

    Raises ApprovalError when the answer does not count; the record says that it was given.
    """
    serving = services.serving.champion(spec)
    with services.approvals.adding(spec) as ledger:
        judged = _judged(spec, ledger.history, run)
        said = approval.answer(ledger.history, judged)
        if said is None or said.event != "withdrawn":
            said = ledger.withdraw_stale(judged, serving) or _answered(spec, ledger, judged, said, given)
    verdicts.show_newest(spec, services, judged.version)
    return said


def _answered(
    spec: UseCase, ledger: Ledger, judged: ApprovalEntry, said: ApprovalEntry | None, given: Mapping[str, Any]
) -> ApprovalEntry:
    about = {"run": judged.run, "about": judged.sequence, "verdict": judged.verdict, "decision": judged.decision}
    try:
        if approval.approver(spec, verdict_of(judged)) == "nobody":
            raise ApprovalError(f"the verdict is {judged.decision}: there is nothing to approve")
        event, login, reason = approval.require_answer(ledger.history, judged, given)
    except ApprovalError as refusal:
        ledger.add("answer_refused", judged, by=answers.responder(given) or "nobody", reason=str(refusal), **about)
        raise
    if said and (said.event, said.by, said.reason) == (event, login, reason):
        return said
    return ledger.add(event, judged, by=login, reason=reason, **about)


def outcome(spec: UseCase, services: Services, run: str, event: str = "") -> str:
    """How an evaluation that leads to no deployment ended, in words.

    Raises ApprovalError when the record has not the ``event`` (``rejected``, ``withdrawn``) that a task stands for.
    """
    history = services.approvals.history(spec)
    judged = _judged(spec, history, run)
    said = approval.answer(history, judged)
    if event and (said is None or said.event != event):
        raise ApprovalError(f"version {judged.version} was not {event}: a task was marked by hand; clear `approve`")
    if said is None:
        return f"the champion keeps serving: {judged.reason}"
    return f"version {judged.version} was {said.event} by {said.by}, {said.at:%Y-%m-%d %H:%M} UTC: {said.reason}"


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
        said = approval.answer(ledger.history, judged)
        if said is None or said.event == "approved":
            said = ledger.withdraw_stale(judged, serving) or said or _by_policy(spec, ledger, judged)
    if said.event == "withdrawn":
        return None
    if why := approval.objection(services.approvals.history(spec), judged.version):
        raise ApprovalError(f"version {judged.version} of {spec.name} is not handed over: {why}")
    tags = {"approved_verdict": judged.verdict, "approved_by": said.by, "decision": judged.decision}
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
    return ledger.add(
        "approved", judged, by=f"{key}: {value}", reason="the policy in usecase.yaml", run=judged.run,
        about=judged.sequence, verdict=judged.verdict, decision=judged.decision,
        facts={"policy": key, "spec": approval.spec_hash(spec)},
    )  # fmt: skip


def _judged(spec: UseCase, history: approval.History, run: str) -> ApprovalEntry:
    """The verdict that a run of the evaluation signed; raises NotFoundError when there is none."""
    judged = approval.newest_verdict(history, run=run)
    if judged is None:
        raise NotFoundError(f"{spec.name}: the evaluation {run} has no verdict in the record: clear its task `compare`")
    return judged
