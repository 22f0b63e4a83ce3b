"""The table of rights names every DAG family and every role."""

import re
from typing import get_args

import pytest

from include.contracts.governance import Role
from include.governance.actions import ACTIONS as PERSON_ACTIONS
from include.governance.rights import APPROVERS, EVERYBODY, RIGHTS, Action, Rights, family_of, may
from include.governance.routes import ASSESSMENTS, DAG, LOOKUPS, ROUTES, RUN, served
from include.settings import ROOT, Settings

FAMILIES = sorted(file.stem for file in (ROOT / "dags").glob("*.py") if file.stem != "specifications")
ROLES, ACTIONS = get_args(Role), get_args(Action)


def test_the_table_of_rights_names_every_dag_family() -> None:
    assert sorted(RIGHTS) == FAMILIES


def test_the_table_of_rights_knows_every_role_and_action() -> None:
    named = {role for rights in RIGHTS.values() for roles in rights if roles is not rights.content for role in roles}
    assert named == set(ROLES), "a role that no right names, or a right of a role that there is not"
    assert sorted({*Rights._fields, "read"} - {"content"}) == sorted(ACTIONS), "read is what content says"


@pytest.mark.parametrize("family", FAMILIES)
def test_what_forges_an_approval_is_for_nobody_or_admins(family: str) -> None:
    assert not any(may(role, family, "write_xcom") for role in ROLES)
    assert [role for role in ROLES if may(role, family, "mark")] == ["admin"]
    assert [role for role in ROLES if may(role, family, "delete")] == ["admin"]


@pytest.mark.parametrize("family", FAMILIES)
def test_nobody_does_what_another_is_there_for(family: str) -> None:
    """Least privilege: an auditor reads and asks for reports, an approver only answers, a viewer only looks."""
    done = {role: {action for action in ACTIONS if may(role, family, action, LEVEL[role])} for role in ROLES}
    assert done["viewer"] <= {"look"}
    assert done["auditor"] <= {"look", "read", "trigger"}
    assert "trigger" not in done["auditor"] or family in REPORTS
    assert done["approver"] <= {"look", "read", "answer"}
    assert done["engineer"] <= {"look", "read", "trigger", "answer"}
    assert not done["engineer"] or family not in SERVING or "trigger" not in done["engineer"]


SERVING = {"deployment", "rollback", "rollback_drill", "export", "hand_over", "data_versions", "quarantine", "take_in"}
REPORTS = {"audit", "compliance", "compliance_review"}
"""Write what is found, and change neither data nor what serves."""
LEVEL = Settings().access


def test_who_approves_did_not_ask() -> None:
    asks = [f for f in FAMILIES if may("approver", f, "trigger") or may("approver", f, "clear")]
    assert asks == []
    both = [(f, r) for f in FAMILIES for r in ("engineer", "operator") if may(r, f, "answer") and DECIDES[f]]
    assert both == []


DECIDES = {family: RIGHTS[family].answer == APPROVERS for family in FAMILIES}


def test_no_route_that_changes_something_is_for_a_viewer_auditor_or_approver() -> None:
    own = {"POST /ui/auth/token", "POST /auth/token", "POST /auth/token/cli"}
    own |= {f"POST {DAG}/favorite", f"POST {DAG}/unfavorite"}
    own |= {*ASSESSMENTS, *LOOKUPS}  # kept beside the evidence of the checklist; an audited look at answers
    only_read = {f"POST {DAG}/dagRuns/list", f"POST {RUN}/taskInstances/list"}
    left_out = own | only_read | set(OF_ACTIONS)  # the forms of actions have their roles by the test below
    changing = {r: rule for r, rule in ROUTES.items() if not r.startswith("GET ") and r not in left_out}
    own_work = {"viewer": None, "auditor": "trigger", "approver": "answer"}
    for role, work in own_work.items():
        found = {route for route, rule in changing.items() if rule != "task" and served(role, rule)}
        assert found == {route for route, rule in changing.items() if rule == work}


def test_the_form_of_an_action_is_for_those_whom_its_dag_family_lets_do_it() -> None:
    """The page asks Airflow in the name of its reader: who may not do it there has no form for it here."""
    for action in PERSON_ACTIONS.values():
        for method in ("GET", "POST"):
            roles = getattr(RIGHTS[action.family], action.asked)
            assert OF_ACTIONS[f"{method} /moebius/actions/{{usecase}}/{action.name}"] == roles
            assert "viewer" not in roles
    assert len(OF_ACTIONS) == 2 * len(PERSON_ACTIONS), "a route that is of no action"


OF_ACTIONS = {route: rule for route, rule in ROUTES.items() if "/moebius/actions/" in route}


def test_a_dag_that_is_not_of_a_use_case_has_no_family() -> None:
    assert family_of("my_own") is None
    assert family_of("flight_delay.training") == "training"


def documented() -> dict[str, tuple[set[str], ...]]:
    """Family → the roles that trigger, answer and clear, as the guide's table has them."""
    lines = (ROOT / "docs" / "guides" / "access.md").read_text().splitlines()
    rows = [line.strip("| ").split("|") for line in lines if line.startswith("| `") and line.count("|") == 5]
    roles = [tuple({role.strip() for role in cell.split(",")} - {""} for cell in row[1:]) for row in rows]
    return {family: roles[i] for i, row in enumerate(rows) for family in re.findall(r"`(\w+)`", row[0])}


def test_the_guide_has_the_rights_of_the_table() -> None:
    written = documented()
    assert sorted(written) == FAMILIES
    for family, rights in RIGHTS.items():
        assert written[family] == (set(rights.trigger), set(rights.answer), set(rights.clear)), family
        assert rights.clear == rights.pause, family
        assert (rights.look == EVERYBODY) == (family != "labelling")
