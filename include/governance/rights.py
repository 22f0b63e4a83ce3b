"""What a role may do with the DAGs of a family: one table, read by the login, the forms and the tests."""

from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple, get_args

from include.contracts.governance import LEVELS, Level, Role

Action = Literal["look", "read", "trigger", "answer", "clear", "pause", "mark", "delete", "write_xcom"]
"""``look``: runs and their states; ``read``: what tasks wrote (XComs, logs, rendered templates, questions, answers);
``clear``: run tasks again, steer a backfill; ``mark``: set a state or delete a task; ``delete``: a run or a DAG."""

EVERYBODY: frozenset[Role] = frozenset(get_args(Role))
WORKERS: frozenset[Role] = frozenset({"engineer", "operator", "admin"})
OPERATORS: frozenset[Role] = frozenset({"operator", "admin"})
APPROVERS: frozenset[Role] = frozenset({"approver", "admin"})
ADMINS: frozenset[Role] = frozenset({"admin"})
REPORTERS: frozenset[Role] = frozenset({"auditor", "operator", "admin"})
AUDITORS: frozenset[Role] = frozenset({"auditor", "admin"})
"""Who reads the whole audit log."""
NOBODY: frozenset[Role] = frozenset()


class Rights(NamedTuple):
    """The roles per action. Nobody writes an XCom: it holds what was decided and by whom.

    ``content`` is the highest privacy class of what tasks of the family write; who looks, and reads this class, reads
    it. A mark passes a gate or an approval without its task, and a deleted run is a deleted record: for admins alone.
    """

    trigger: frozenset[Role]
    answer: frozenset[Role] = NOBODY
    look: frozenset[Role] = EVERYBODY
    clear: frozenset[Role] = OPERATORS
    pause: frozenset[Role] = OPERATORS
    mark: frozenset[Role] = ADMINS
    delete: frozenset[Role] = ADMINS
    write_xcom: frozenset[Role] = NOBODY
    content: Level = "internal"


WORK = Rights(WORKERS)
OPERATION = Rights(OPERATORS)
REPORT = Rights(REPORTERS)
DESTRUCTION = Rights(ADMINS, clear=ADMINS, pause=ADMINS)

RIGHTS: dict[str, Rights] = {
    "audit": REPORT,
    "batch_inference": WORK,
    "catalog": WORK,
    "compliance": REPORT,
    "compliance_review": REPORT,
    "control": OPERATION,
    "data_pipeline": WORK,
    "data_versions": OPERATION,
    "dead_letters": OPERATION,
    "deployment": OPERATION,
    "edge_bundle": WORK,
    "export": Rights(OPERATORS, answer=APPROVERS),
    "hand_over": Rights(OPERATORS, answer=APPROVERS),
    "key_rotation": DESTRUCTION,
    "labelling": Rights(WORKERS, answer=WORKERS, look=WORKERS),  # its form shows rows
    "maintenance": WORK,
    "monitoring": WORK,
    "predictions_of": Rights(OPERATORS, answer=APPROVERS),
    "privacy_audit": WORK,
    "quarantine": OPERATION,
    "retrain_evaluation": Rights(WORKERS, answer=APPROVERS),
    "retrain_trigger": WORK,
    "retirement": Rights(OPERATORS, answer=APPROVERS),
    "rollback": Rights(OPERATORS, answer=OPERATORS),
    "rollback_drill": OPERATION,
    "scrub": WORK,
    "stream_reconciliation": WORK,
    "subject_deletion": DESTRUCTION,
    "take_in": OPERATION,
    "training": WORK,
}
"""Every DAG family, by the name of its file in ``dags/``."""


def family_of(dag_id: str) -> str | None:
    """The family of ``<use case>.<family>``; None when it is not one of ours."""
    family = dag_id.rpartition(".")[2]
    return family if family in RIGHTS else None


def may(role: str, family: str, action: Action, level: Level = "personal") -> bool:
    """Whether the role, which reads up to the class ``level``, may do it with the DAGs of the family."""
    rights = RIGHTS[family]
    if action == "read":
        return role in rights.look and LEVELS.index(level) >= LEVELS.index(rights.content)
    return role in getattr(rights, action)


def anywhere(action: Action) -> frozenset[Role]:
    """The roles that may do it with the DAGs of some family."""
    return frozenset(role for role in EVERYBODY if any(may(role, family, action) for family in RIGHTS))


def answering(roles: Mapping[str, Role], family: str, barred: Collection[str]) -> list[str]:
    """Logins, of those with these roles, that may answer a question of the family and are not barred, sorted."""
    return sorted(login for login, role in roles.items() if may(role, family, "answer") and login not in barred)
