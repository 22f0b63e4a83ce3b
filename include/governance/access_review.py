"""Reviews who may do what: words for the rights of each login, client and recipient, and what looks wrong."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, get_args

from include.contracts.access_review import AccessReview, Kind, ReviewedAccess
from include.contracts.gateway import GatewayClient
from include.contracts.governance import Level, Role, experiment_right
from include.governance.rights import RIGHTS, Action, may

UNUSED = timedelta(days=90)
WORDS: dict[Action, str] = {
    "trigger": "start", "answer": "answer", "clear": "run again, pause", "mark": "set states", "delete": "delete",
}  # fmt: skip
"""Actions that change something."""


class Ways(NamedTuple):
    """Every way in, as the settings and files of the platform have it."""

    logins: Mapping[str, Role]
    clients: Mapping[str, GatewayClient]
    experiment: Mapping[str, bool]
    """MLflow login → whether it administers."""
    technical: frozenset[str]
    """Those of MLflow that are no person's: of tasks, and MLflow's own administrator."""
    recipients: Mapping[str, Role]
    levels: Mapping[Role, Level]
    default_password: str
    """The login whose password is the public default; empty when there is none."""


def review(
    ways: Ways, used: Mapping[tuple[Kind, str], datetime], since: datetime | None, at: datetime, environment: str
) -> AccessReview:
    """``used`` is the newest known use of each way; ``since``: of what time the earliest known use is."""
    long_known = since is not None and since <= at - UNUSED
    entries = [*_logins(ways), *_clients(ways), *_experiment(ways), *_recipients(ways)]
    dated = [_with_use(entry, used.get((entry.kind, entry.name)), long_known, at) for entry in entries]
    return AccessReview(at=at, environment=environment, since=since, entries=dated)


def _with_use(entry: ReviewedAccess, used: datetime | None, long_known: bool, at: datetime) -> ReviewedAccess:
    unused = (used is None and long_known) or (used is not None and used < at - UNUSED)
    counted = entry.kind in ("login", "gateway client")  # of the others no use is recorded
    finding = [f"not used for {UNUSED.days} days: take it away, or say why it stays"] if unused and counted else []
    return entry.model_copy(update={"used_at": used, "findings": [*entry.findings, *finding]})


def _logins(ways: Ways) -> Iterator[ReviewedAccess]:
    for name, role in sorted(ways.logins.items()):
        findings = []
        if name == ways.default_password:
            findings.append("its password is the public default: set MOEBIUS_AIRFLOW_PASSWORD")
        if _trains_and_approves(role):
            findings.append(
                "trains and approves: nobody approves their own request, but keep such a login for emergencies, and "
                "give people an engineer's, an operator's or an approver's"
            )
        yield ReviewedAccess(kind="login", name=name, role=role, may=_rights(role, ways.levels), findings=findings)


def _trains_and_approves(role: Role) -> bool:
    return may(role, "training", "trigger") and may(role, "retrain_evaluation", "answer")


def _rights(role: Role, levels: Mapping[Role, Level]) -> str:
    """Like ``reads up to internal; start: all but key_rotation``."""
    done = [f"{words}: {_families(role, action)}" for action, words in WORDS.items() if _families(role, action)]
    return "; ".join([f"reads up to {levels.get(role, 'none')}", *done])


def _families(role: Role, action: Action) -> str:
    families = [family for family in sorted(RIGHTS) if may(role, family, action)]
    able = [family for family in sorted(RIGHTS) if any(may(other, family, action) for other in get_args(Role))]
    others = [family for family in able if family not in families]
    if families and len(others) < len(families):
        return f"all but {', '.join(others)}" if others else "all"
    return ", ".join(families)


def _clients(ways: Ways) -> Iterator[ReviewedAccess]:
    for name, client in sorted(ways.clients.items()):
        findings = []
        if not client.owner:
            findings.append(f"has no owner: `moebius gateway add {name} --owner LOGIN` gives it one and a new key")
        elif client.owner not in ways.logins:
            findings.append(f"its owner {client.owner} is no login any more: give it another one, or remove it")
        if client.models is None and len(ways.clients) > 1:
            findings.append("calls every use case, also those that are added: name those that it needs")
        models = "every use case" if client.models is None else ", ".join(sorted(client.models))
        yield ReviewedAccess(
            kind="gateway client", name=name, role=", ".join(sorted(client.roles)), owner=client.owner,
            may=f"{models}, {client.rate} requests a second", findings=findings,
        )  # fmt: skip


def _experiment(ways: Ways) -> Iterator[ReviewedAccess]:
    for name, administers in sorted(ways.experiment.items()):
        role = ways.logins.get(name)
        wanted = experiment_right(role, ways.levels.get(role, "none")) if role else "none"
        level, findings = "admin" if administers else "read", []
        if name not in ways.technical and wanted == "none":
            whose = f"the role {role} has none" if role else "is no login of Airflow"
            findings.append(f"made by hand, {whose}: delete it in MLflow, or give the person a role")
        elif name not in ways.technical and wanted != level:
            findings.append(f"has {level}, its role gives {wanted}: restart MLflow, which corrects it")
        owner = "" if name in ways.technical or not role else name
        words = "changes everything" if administers else "reads experiments, models and cards"
        yield ReviewedAccess(kind="MLflow login", name=name, role=level, may=words, owner=owner, findings=findings)


def _recipients(ways: Ways) -> Iterator[ReviewedAccess]:
    for name, role in sorted(ways.recipients.items()):
        level = ways.levels.get(role, "none")
        wide = [f"its role {role} reads personal values: give it a lower one"] if level == "personal" else []
        yield ReviewedAccess(
            kind="recipient", name=name, role=role, may=f"gets exports, columns up to {level}", findings=wide
        )
