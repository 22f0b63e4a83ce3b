"""The button of an action: for the roles that may do it, with its fields filled in, and nothing for anybody else."""

from types import SimpleNamespace

import pytest

from include.governance import routes
from include.governance.actions import ACTIONS
from include.specification.loader import load_usecase
from include.ui import acting
from include.ui.links import Links
from include.ui.templates import templates

SPEC = load_usecase("flight_delay")


def button(role: str, call: str) -> str:
    source = '{% import "macros.html" as part with context %}{{ part.action(' + call + ") }}"
    template = templates("en").from_string(source)
    return template.render(reader=SimpleNamespace(role=role), links=Links("/moebius"), spec=SPEC).strip()


def test_every_action_has_words_for_its_button() -> None:
    assert sorted(acting.LABELS) == sorted(ACTIONS)
    assert set(ACTIONS) >= acting.SEVERE


@pytest.fixture
def abort_route(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(routes.ROUTES, f"GET {acting.route('abort')}", ACTIONS["abort"].roles)


@pytest.mark.usefixtures("abort_route")
def test_a_button_leads_the_roles_of_the_action_to_its_form() -> None:
    found = button("operator", 'spec.name, "abort", reason="p99 & <b>errors</b>", release=none')
    address = "/moebius/actions/flight_delay/abort?reason=p99+%26+%3Cb%3Eerrors%3C%2Fb%3E"
    assert found == f'<a class="button act" href="{address}">Abort</a>'
    assert ">Stop it</a>" in button("operator", 'spec.name, "abort", "Stop it"')


@pytest.mark.usefixtures("abort_route")
@pytest.mark.parametrize("role", ["viewer", "auditor", "approver", "engineer", ""])
def test_nobody_else_has_the_button(role: str) -> None:
    assert button(role, 'spec.name, "abort"') == ""


def test_what_is_no_action_is_a_fault_of_the_page() -> None:
    with pytest.raises(KeyError):
        button("operator", 'spec.name, "abrot"')
