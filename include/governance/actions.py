"""What people do: one registry of every action by which a person changes what serves, what is kept, or decides.

A new action is one entry. The right is that of its DAG family (``include.governance.rights``), the form is that of its
DAG, the REST path follows from both. ``include.services.acts`` lets nobody past who lacks the right, the confirmation
or the reason, and writes the audit entries. ``docs/reference/actions.md`` is made of it.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from include.contracts.audit import AuditKind
from include.contracts.governance import Role
from include.governance.answers import LEAST_REASON
from include.governance.rights import RIGHTS


class PersonAction(NamedTuple):
    """One action.

    ``function`` does it, below ``include.loop``. It is told from other actions of that function by ``fields``: values
    of the form, or ``answer``, the option that was chosen. ``what`` says what it is done to, made of fields.
    ``reason`` is its least length, ``confirm`` asks for the use case's name. ``by_hand``: the same function also runs
    without a person, which is no action. ``decides``: it checks its own answer against the signed record of approvals
    and keeps a refusal there.
    """

    name: str
    does: str
    family: str
    function: str
    asked: Literal["trigger", "answer"] = "trigger"
    fields: Mapping[str, Any] = {}
    what: str = ""
    reason: int = 0
    confirm: bool = False
    kind: AuditKind = "change"
    by_hand: bool = False
    decides: bool = False

    @property
    def roles(self) -> frozenset[Role]:
        """Who may do it."""
        roles: frozenset[Role] = getattr(RIGHTS[self.family], self.asked)
        return roles

    @property
    def rest(self) -> str:
        """The request that does it."""
        run = f"/api/v2/dags/<usecase>.{self.family}/dagRuns"
        if self.asked == "trigger":
            return f"POST {run}"
        return f"PATCH {run}/<run>/taskInstances/<task>/-1/hitlDetails"


def _actions() -> list[PersonAction]:
    why, act = LEAST_REASON, PersonAction
    evaluation, rollback, versions = "retrain_evaluation", "rollback", "data_versions"
    return [
        act("approve", "takes a candidate", evaluation, "approval.record_answer", "answer", {"answer": "Approve"},
            reason=why, kind="decision", decides=True),
        act("reject", "keeps the champion", evaluation, "approval.record_answer", "answer", {"answer": "Reject"},
            reason=why, kind="decision", decides=True),
        act("promote", "rolls an approved version out", "deployment", "deployment.begin", what="version {version}",
            reason=why, by_hand=True),
        act("roll_back", "puts another release back", rollback, "rollback.restore", fields={"operation": "roll_back"},
            what="release {wanted}", reason=why),
        act("choose_release", "names the release to put back", rollback, "rollback.chosen", "answer",
            what="release {answer}", kind="decision"),
        act("abort", "ends a rollout", rollback, "rollback.abort", fields={"operation": "abort"}, reason=why),
        act("train", "starts a training", "training", "training.order", by_hand=True, kind="use"),
        act("force_retrain", "starts a retrain without an alert", "retrain_trigger", "retrain_trigger.decide_retrain",
            fields={"force": True}, reason=why),
        act("pause", "holds retrains and deployments back", "control", "control.operate",
            fields={"operation": "pause"}, what="for {length}", reason=why),
        act("resume", "ends a pause", "control", "control.operate", fields={"operation": "resume"}, reason=why),
        act("silence", "makes the retrain trigger deaf to an alert", "control", "control.operate",
            fields={"operation": "silence"}, what="alert {alert} for {length}", reason=why),
        act("unsilence", "ends a silence", "control", "control.operate", fields={"operation": "unsilence"},
            what="alert {alert}", reason=why),
        act("restore", "makes an earlier snapshot the current one", versions, "data_versions.asked",
            fields={"operation": "restore"}, what="snapshot {snapshot}", reason=why),
        act("pin", "protects a snapshot from expiry", versions, "data_versions.asked", fields={"operation": "pin"},
            what="snapshot {snapshot}", reason=why),
        act("unpin", "ends the protection", versions, "data_versions.asked", fields={"operation": "unpin"},
            what="snapshot {snapshot}", reason=why),
        act("expire", "deletes files of replaced snapshots", versions, "data_versions.asked",
            fields={"operation": "expire"}, what="snapshots as of {as_of}"),
        act("rebuild", "writes training data again", versions, "data_versions.asked",
            fields={"operation": "rebuild"}, what="version {version}"),
        act("release_rows", "publishes rows that a gate holds", "quarantine", "quarantine.decide",
            fields={"action": "release"}, what="{gate} {table} {period}", reason=why, kind="decision"),
        act("drop_rows", "publishes without them", "quarantine", "quarantine.decide", fields={"action": "drop"},
            what="{gate} {table} {period}", reason=why, kind="decision"),
        act("replay_events", "puts dead letters back", "dead_letters", "dead_letters.settle",
            fields={"choice": "replay"}, what="stream {view}"),
        act("drop_events", "deletes dead letters", "dead_letters", "dead_letters.settle", fields={"choice": "drop"},
            what="stream {view}", reason=why),
        act("retire", "asks for the end of a release", "retirement", "retirement.ask",
            fields={"end_of_service": False}, what="release {release}", reason=why, by_hand=True, kind="use"),
        act("end_service", "asks for the end of what serves, without a replacement", "retirement", "retirement.ask",
            fields={"end_of_service": True}, what="release {release}", reason=why, confirm=True, by_hand=True,
            kind="use"),
        act("approve_retirement", "ends it", "retirement", "retirement.retire", "answer", {"answer": "Approve"},
            kind="decision"),
        act("reject_retirement", "keeps it", "retirement", "retirement.rejected", "answer", {"answer": "Reject"},
            kind="decision"),
        act("label", "gives labels to rows", "labelling", "labelling.keep_labels", "answer"),
        act("erase", "deletes what is stored of a person", "subject_deletion", "subject_deletion.delete",
            what="subject {subject}", reason=why,
            confirm=True),
        act("rotate_keys", "renews every pseudonym", "key_rotation", "key_rotation.rotate", reason=why, confirm=True),
        act("export", "asks for an export", "export", "export.ask", what="table {table} {from} to {to}", reason=why,
            kind="use"),
        act("approve_export", "lets a table leave", "export", "export.export", "answer", {"answer": "Approve"},
            what="table {table} {from} to {to}", kind="decision"),
        act("find_answers", "asks for the answers about one entity", "predictions_of", "predictions_of.ask",
            what="answers by {key}", reason=why, kind="use"),
        act("approve_answers", "lets these answers leave", "predictions_of", "predictions_of.export", "answer",
            {"answer": "Approve"}, what="answers by {key}", kind="decision"),
        act("reject_answers", "keeps them here", "predictions_of", "predictions_of.rejected", "answer",
            {"answer": "Reject"}, kind="decision"),
        act("reject_export", "keeps it here", "export", "export.rejected", "answer", {"answer": "Reject"},
            kind="decision"),
        act("hand_over", "asks for a hand-over to dev", "hand_over", "hand_over.ask", what="{from} to {to}",
            reason=why, kind="use"),
        act("approve_hand_over", "lets data leave for dev", "hand_over", "hand_over.export", "answer",
            {"answer": "Approve"}, what="{from} to {to}", kind="decision"),
        act("reject_hand_over", "keeps it here", "hand_over", "hand_over.rejected", "answer", {"answer": "Reject"},
            kind="decision"),
        act("compliance_bundle", "writes the evidence bundle of a release", "compliance", "compliance.write_bundle",
            what="release {release}", reason=why, kind="access"),
        act("verify", "verifies the audit log and what it binds", "audit", "audit.verify", by_hand=True, kind="use"),
        act("take_in", "takes handed-over data into dev", "take_in", "take_in.take_in", what="hand-over {name}"),
    ]  # fmt: skip


ACTIONS: dict[str, PersonAction] = {action.name: action for action in _actions()}
"""Every action, by its name."""


class Asked(NamedTuple):
    """What a person asks for. ``login``: ``by`` is one; without it somebody works with Airflow on its own machine."""

    usecase: str
    by: str
    login: bool
    fields: Mapping[str, Any]
    run: str = ""

    @property
    def reason(self) -> str:
        return str(self.fields.get("reason") or "").strip()


def refusal(action: PersonAction, asked: Asked, role: Role | None) -> str:
    """Why the person may not do it now: the right, the confirmation or the reason is missing; '' when nothing is.

    ``role`` is that of the login, None when it has none.
    """
    name = action.name
    if not asked.by:
        return f"{name}: no person asked for it or answered; a task that is marked by hand does nothing"
    if asked.login and role not in action.roles:
        whose = f"its role is {role}" if role else "it has no role in MOEBIUS_AIRFLOW_USERS"
        return f"{name} is for {', '.join(sorted(action.roles))}; {asked.by!r} may not do it: {whose}"
    if action.confirm and asked.fields.get("confirm") != asked.usecase:
        return f"{name} cannot be undone: type the name of the use case, {asked.usecase}, in `confirm`"
    if len(asked.reason) < action.reason:
        return f"{name} needs a reason of {action.reason} characters or more in `reason`; it is recorded"
    return ""


def target(action: PersonAction, asked: Asked) -> str:
    """What it is done to, in words."""
    return action.what.format_map(_Empty({k: v for k, v in asked.fields.items() if v is not None})).strip()


class _Empty(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""


def done_by(function: str) -> list[PersonAction]:
    """The actions that a function of the loop does."""
    return [action for action in ACTIONS.values() if action.function == function]


def chosen(function: str, fields: Mapping[str, Any]) -> PersonAction | None:
    """The action that is meant by the fields of a form or answer; None when it is none, as a mere look."""
    for action in done_by(function):
        if all(fields.get(name) == value for name, value in action.fields.items()):
            return action
    return None
