"""An answer to a required action: who gave it, whether it is in its form, and whether that person may answer."""

from collections.abc import Mapping
from typing import Any

from include.errors import AccessError, ApprovalError

APPROVE, REJECT = "Approve", "Reject"
REASON = "reason"
LEAST_REASON, MOST_REASON = 3, 2000


def filled(answer: Mapping[str, Any] | None) -> tuple[bool, str, str]:
    """(whether it approves, login, reason) of an answer to a form that asks for a reason.

    Raises ApprovalError when no person gave it, or it is not in its form.
    """
    login, approves = responder(answer), choice(answer)
    fields = (answer or {}).get("params_input") or {}
    if not isinstance(fields, Mapping) or (unknown := sorted(map(str, set(fields) - {REASON}))):
        named = "no mapping" if not isinstance(fields, Mapping) else f"{unknown}"
        raise ApprovalError(f"the form has no fields {named}; it has {REASON!r}: answer again")
    reason = fields.get(REASON)
    if not isinstance(reason, str) or len(reason.strip()) < LEAST_REASON:
        raise ApprovalError(f"{login} gave no reason: answer again and write why, in {LEAST_REASON} letters or more")
    if len(reason.strip()) > MOST_REASON:
        raise ApprovalError(f"the reason of {login} has {len(reason)} letters; write it in {MOST_REASON} or fewer")
    return approves, login, reason.strip()


def choice(answer: Mapping[str, Any] | None) -> bool:
    """Whether a person approved; raises ApprovalError when nobody answered, or not with one of the two choices."""
    if not responder(answer):
        raise ApprovalError("no person answered: answer the required action `approve`")
    chosen = (answer or {}).get("chosen_options")
    if chosen not in ([APPROVE], [REJECT]):
        raise ApprovalError(f"the answer {chosen or []} is neither {APPROVE} nor {REJECT}; choose one of them")
    return chosen == [APPROVE]


def approver(what: str, answer: Mapping[str, Any] | None, barred: Mapping[str, str]) -> str:
    """The login that approved; ``barred`` says of each login that may not what it did, like "asked for it".

    ``answer`` is what ``include.orchestration.answers.Approval`` returned: None when its task did not run or was
    marked as success.

    Raises AccessError when no person approved, or one did who is barred.
    """
    if (answer or {}).get("chosen_options") != [APPROVE] or not responder(answer):
        raise AccessError(f"no person approved {what}: answer the required action `approve`; a mark is no answer")
    return require_other(what, answer, barred)


def require_other(what: str, answer: Mapping[str, Any] | None, barred: Mapping[str, str]) -> str:
    """The login that answered, whatever it chose; raises AccessError when nobody did, or one who is barred."""
    who = responder(answer)
    if not who:
        raise AccessError(f"no person answered for {what}: answer the required action `approve`")
    if who in barred:
        raise AccessError(f"{who!r} {barred[who]}, so {who!r} may not answer for {what}: start again, and let others")
    return who


def responder(answer: Mapping[str, Any] | None) -> str:
    """The login that answered; '' when nobody did, as after the time-out of a form."""
    who = (answer or {}).get("responded_by_user") or {}
    return str(who.get("name") or who.get("id") or "")
