"""Who approved, from the answer to a required action: a person, and none who takes part in what is asked for."""

from collections.abc import Mapping
from typing import Any

from include.errors import AccessError

APPROVE = "Approve"


def approver(what: str, answer: Mapping[str, Any] | None, barred: Mapping[str, str]) -> str:
    """The login that approved; ``barred`` says of each login that may not what it did, like "asked for it".

    ``answer`` is what ``include.orchestration.answers.Approval`` returned: None when its task did not run or was
    marked as success.

    Raises AccessError when no person approved, or one did who is barred.
    """
    if APPROVE not in ((answer or {}).get("chosen_options") or []) or not responder(answer):
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
