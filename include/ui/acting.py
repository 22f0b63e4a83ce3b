"""Actions of people as links and words: an action is offered to the roles that may do it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from jinja2 import pass_context
from jinja2.runtime import Context

from include.governance.actions import ACTIONS
from include.governance.routes import ROUTES, served
from include.ui.language import marked

MOUNT = "/moebius"
LABELS = {
    "approve": marked("Approve"),
    "reject": marked("Reject"),
    "promote": marked("Promote"),
    "roll_back": marked("Roll back"),
    "choose_release": marked("Choose a release"),
    "abort": marked("Abort"),
    "train": marked("Train"),
    "force_retrain": marked("Retrain now"),
    "pause": marked("Pause"),
    "resume": marked("Resume"),
    "silence": marked("Silence"),
    "unsilence": marked("End the silence"),
    "restore": marked("Restore"),
    "pin": marked("Pin"),
    "unpin": marked("Unpin"),
    "expire": marked("Expire"),
    "rebuild": marked("Rebuild"),
    "release_rows": marked("Release rows"),
    "drop_rows": marked("Drop rows"),
    "replay_events": marked("Replay events"),
    "drop_events": marked("Drop events"),
    "retire": marked("Retire"),
    "end_service": marked("End the service"),
    "approve_retirement": marked("Approve the retirement"),
    "reject_retirement": marked("Reject the retirement"),
    "label": marked("Label"),
    "erase": marked("Erase"),
    "rotate_keys": marked("Rotate keys"),
    "export": marked("Ask for an export"),
    "approve_export": marked("Approve the export"),
    "reject_export": marked("Reject the export"),
    "find_answers": marked("Find answers"),
    "approve_answers": marked("Approve the answers"),
    "reject_answers": marked("Reject the answers"),
    "hand_over": marked("Hand over"),
    "approve_hand_over": marked("Approve the hand-over"),
    "reject_hand_over": marked("Reject the hand-over"),
    "compliance_bundle": marked("Write a bundle"),
    "verify": marked("Verify now"),
    "take_in": marked("Take in"),
}
"""What stands on the button of an action; it has one for each of ``include.governance.actions``."""
SEVERE = frozenset({"abort", "roll_back", "drop_rows", "drop_events", "end_service", "erase", "rotate_keys", "retire"})
"""Actions whose button warns: what they take away does not come back by itself."""
OTHER_ANSWER = {
    "approve": "reject", "reject": "approve",
    "approve_retirement": "reject_retirement", "reject_retirement": "approve_retirement",
    "approve_export": "reject_export", "reject_export": "approve_export",
    "approve_answers": "reject_answers", "reject_answers": "approve_answers",
    "approve_hand_over": "reject_hand_over", "reject_hand_over": "approve_hand_over",
}  # fmt: skip
"""An answer → the other one to the same question."""


def answers_of(family: str) -> list[str]:
    """Actions that answer a question of the DAG family."""
    return [action.name for action in ACTIONS.values() if (action.family, action.asked) == (family, "answer")]


def route(name: str) -> str:
    """The page of an action, as the matrix of routes declares it."""
    return f"{MOUNT}/actions/{{usecase}}/{name}"


@pass_context
def action_address(context: Context, usecase: str, name: str, values: Mapping[str, Any]) -> str:
    """Where the action's form is, with these values filled in; '' when the reader's role may not do it.

    Raises KeyError for a name that is no action.
    """
    page, reader = route(ACTIONS[name].name), context.get("reader")
    rule = ROUTES.get(f"GET {page}")
    if rule is None or reader is None or not served(reader.role, rule):
        return ""
    filled = urlencode({field: value for field, value in values.items() if value not in (None, "")})
    below = page.removeprefix(MOUNT).format(usecase=usecase)
    return f"{context['links'].moebius}{below}" + (f"?{filled}" if filled else "")
