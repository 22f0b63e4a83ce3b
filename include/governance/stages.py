"""The stages of an approval: whose answer is wanted now, which answers count, and when the question ends."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from include.contracts.approval import ApprovalEntry, ApprovalEvent
from include.contracts.governance import Role
from include.errors import ApprovalError
from include.governance import answers, rights
from include.governance.approval import History, barred
from include.specification.approving import Stage
from include.specification.usecase import UseCase

FAMILY = "retrain_evaluation"
NOBODY_ANSWERED = "approval.expires"
"""Who ends a question that nobody answered in time."""
Due = Literal["expired", "escalate", "remind"]


class Answer(NamedTuple):
    """What an answer of a person means for the question: entry to record, who, why, and its facts."""

    event: ApprovalEvent
    login: str
    reason: str
    facts: dict[str, Any]


def given(history: History, verdict: ApprovalEntry) -> list[ApprovalEntry]:
    """The answers that count so far and ended nothing, oldest first."""
    return [e for e in history if e.event in ("agreed", "disagreed") and e.about == verdict.sequence]


def agreed(history: History, verdict: ApprovalEntry) -> list[ApprovalEntry]:
    """The approvals among them."""
    return [entry for entry in given(history, verdict) if entry.event == "agreed"]


def wanted(spec: UseCase, history: History, verdict: ApprovalEntry) -> Stage:
    """The stage whose answer is wanted now: the first one that has fewer approvals than its quorum, else the last."""
    stages = [entry.facts["stage"] for entry in agreed(history, verdict)]
    lacking = (stage for stage in spec.approval.stages if stages.count(stage.name) < stage.quorum)
    return next(lacking, spec.approval.stages[-1])


def answering(spec: UseCase, roles: Mapping[str, Role], history: History, verdict: ApprovalEntry) -> list[str]:
    """Logins whose answer would count now, of those whose role is known."""
    stage, out = wanted(spec, history, verdict), {*barred(history, verdict), *_answered(history, verdict)}
    return [login for login in rights.answering(roles, FAMILY, out) if stage.takes(login, roles[login])]


def require_answer(
    spec: UseCase, roles: Mapping[str, Role], history: History, verdict: ApprovalEntry, answer: Mapping[str, Any]
) -> Answer:
    """What an answer means, as Airflow recorded it: ``chosen_options``, ``params_input``, ``responded_by_user``.

    Raises ApprovalError when it does not count: it is no answer of a person or not in the form, or of somebody who
    started the training or the evaluation, has answered already, or is not of the stage.
    """
    approves, login, reason = answers.filled(answer)
    _require_counts(spec, roles, history, verdict, login)
    stage = wanted(spec, history, verdict)
    facts = {"stage": stage.name}
    if not approves:
        against = [e for e in given(history, verdict) if e.event == "disagreed" and e.facts["stage"] == stage.name]
        return Answer("rejected" if len(against) + 1 >= stage.rejections else "disagreed", login, reason, facts)
    before = agreed(history, verdict)
    if _lacks_more(spec, [*(entry.facts["stage"] for entry in before), stage.name]):
        return Answer("agreed", login, reason, facts)
    people = [(entry.by, entry.facts["stage"]) for entry in before] + [(login, stage.name)]
    return Answer("approved", login, reason, {**facts, "approvers": [{"login": who, "stage": s} for who, s in people]})


def _lacks_more(spec: UseCase, stages: Sequence[str]) -> bool:
    return any(stages.count(stage.name) < stage.quorum for stage in spec.approval.stages)


def _answered(history: History, verdict: ApprovalEntry) -> list[str]:
    return [entry.by for entry in given(history, verdict)]


def _require_counts(
    spec: UseCase, roles: Mapping[str, Role], history: History, verdict: ApprovalEntry, login: str
) -> None:
    stage, role = wanted(spec, history, verdict), roles.get(login)
    if login in (starters := barred(history, verdict)):
        raise ApprovalError(
            f"{login} started the training or the evaluation of version {verdict.version}, and so cannot answer; "
            f"somebody else than {', '.join(starters)} must"
        )
    if login in _answered(history, verdict):
        raise ApprovalError(f"{login} has answered already, and a person counts once: somebody else must answer")
    if role and not rights.may(role, FAMILY, "answer"):
        raise ApprovalError(f"{login} has the role {role}, which approves nothing: {_people(stage)} must answer")
    if not stage.takes(login, role):
        who = f"{login}, whose role is {role}," if role else f"{login}, whose role no setting names,"
        raise ApprovalError(
            f"{who} is not of the stage {stage.name}, which takes {_people(stage)}: one of them must answer"
        )


def _people(stage: Stage) -> str:
    everybody = sorted(rights.RIGHTS[FAMILY].answer)
    roles = [role for role in everybody if role in stage.roles or not (stage.roles or stage.logins)]
    names = [f"the logins {', '.join(stage.logins)}"] if stage.logins else []
    return " and ".join([*names, *([f"the roles {', '.join(roles)}"] if roles else [])])


def asked_of(spec: UseCase, history: History, verdict: ApprovalEntry) -> str:
    """Whose answer is wanted, in words: stage, how many of how many, and whom it takes."""
    stage = wanted(spec, history, verdict)
    there = sum(entry.facts["stage"] == stage.name for entry in agreed(history, verdict))
    return f"stage {stage.name}, approval {there + 1} of {stage.quorum}, by {_people(stage)}"


# -- time
def expires_at(spec: UseCase, verdict: ApprovalEntry) -> datetime:
    """When the question ends, if it is not answered."""
    return spec.approval.expires.after(verdict.at)


def expiry(spec: UseCase, history: History, verdict: ApprovalEntry) -> str:
    """Why a question ended without an answer."""
    there = len(agreed(history, verdict))
    answered = f"{there} of {spec.approval.answers} people approved" if there else "nobody answered"
    return f"{answered} within {spec.approval.expires}; the champion stays"


def due(spec: UseCase, verdict: ApprovalEntry, since: datetime, now: datetime) -> Due | None:
    """What became due after ``since``: the end of the question, its escalation or a reminder."""
    if now >= expires_at(spec, verdict):
        return "expired"
    if (late := escalates_at(spec, verdict)) and since < late <= now:
        return "escalate"
    if spec.approval.remind is None:
        return None
    moment = spec.approval.remind.after(verdict.at)
    while moment <= since:
        moment = spec.approval.remind.after(moment)
    return "remind" if moment <= now else None


def escalates_at(spec: UseCase, verdict: ApprovalEntry) -> datetime | None:
    """From when on notices go to those of the escalation, too; None: never."""
    return spec.approval.escalate.after.after(verdict.at) if spec.approval.escalate else None
