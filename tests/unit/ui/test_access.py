"""A page holds records of those tables only that the reader's role reads."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest
from starlette.routing import Mount

from include.contracts.governance import Level, Role
from include.contracts.operations import RecordedDecision, RetrainPlan
from include.contracts.period import Period
from include.errors import AccessError
from include.governance.routes import ROUTES
from include.orchestration.gatekeeper import declared
from include.records.registry import DECISIONS
from include.services.composition import Services
from include.services.records import Records
from include.specification.loader import load_usecase
from include.ui.access import READS, Reader
from include.ui.app import create_app
from include.ui.pages.loop import shown
from tests.unit.fakes.adapters import services_in
from tests.unit.fakes.approvals import approve
from tests.unit.ui.rendering import render

SPEC = load_usecase("flight_delay")
AT = datetime(2013, 5, 1, tzinfo=UTC)
SECRET = "the cause that only some may know"


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """A use case with an approval and a retrain decision."""
    services = services_in(tmp_path)
    services.adapters.experiment_reader = SimpleNamespace(page=lambda *_: "")  # type: ignore[misc, assignment]
    approve(services, SPEC, 2)
    period = Period("2013-04")
    plan = RetrainPlan(
        usecase=SPEC.name, name="2013-04-a-b", decision="keep", cause=SECRET, evidence=[SECRET], action="none",
        train_from=None, train_to=None, test_from=None, test_to=None, alerts=[], decided_at=AT,
    )  # fmt: skip
    DECISIONS.append(
        SPEC.name,
        services.adapters.lake,
        [RecordedDecision(period=period, decision="keep", decided_at=AT, record=plan)],
    )
    return services


def loop_page(services: Services, role: Role) -> str:
    reader = Reader(services, "ada", role)
    return render("loop.html", SPEC, loop_=shown(SPEC, reader), reader=reader)


@pytest.mark.parametrize("role", get_args(Role))
def test_a_page_shows_records_to_the_roles_that_read_their_table(services: Services, role: Role) -> None:
    page, reads = loop_page(services, role), role != "viewer"
    assert (SECRET in page) == reads
    assert (f"not shown: the role {role} does not read the table decisions" in page) == (not reads)
    assert bool(Reader(services, "ada", role).records.some_approvals(SPEC)) == reads


def test_one_table_may_be_closed_or_opened_to_a_role(services: Services) -> None:
    rules: dict[str, dict[Role, Level]] = {"flight_delay.decisions": {"viewer": "internal", "auditor": "public"}}
    settings = services.settings.model_copy(update={"table_access": rules})
    changed = Services(settings, adapters=services.adapters)
    assert {role: SECRET in loop_page(changed, role) for role in ROLES} == {"viewer": True, "auditor": False}


ROLES: tuple[Role, ...] = ("viewer", "auditor")


def test_what_needs_tables_is_refused_whole_and_names_them(services: Services) -> None:
    Reader(services, "ada", "auditor").require(SPEC, "verdicts", "events")
    with pytest.raises(AccessError, match=r"'viewer' of 'ada' reads nothing of flight_delay\.verdicts: ask"):
        Reader(services, "ada", "viewer").require(SPEC, "verdicts", "events")


def test_a_page_has_no_other_way_to_the_records(services: Services) -> None:
    assert set(READS) <= {name for name in dir(Records) if not name.startswith("_")}
    with pytest.raises(AttributeError, match="a page does not read 'figures'"):
        _ = Reader(services, "ada", "admin").records.figures


def test_every_page_is_in_the_matrix_and_the_matrix_names_no_other() -> None:
    served = set(declared([Mount("/moebius", create_app())])) - {"GET /moebius"}
    assert served == {route for route in ROUTES if " /moebius/" in route}
