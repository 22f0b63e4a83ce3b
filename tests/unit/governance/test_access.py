"""A role reads up to its privacy class, a table may have its own rule, and what is not known is named."""

import pyarrow as pa
import pytest

from include.errors import AccessError
from include.governance.access import Access
from include.settings import Settings
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase

ROWS = pa.table({"flight_id": ["a"], "tailnum": ["t"], "carrier": ["p"]})


@pytest.fixture
def spec() -> UseCase:
    """flight_id is public, tailnum internal, carrier personal."""
    content = load_usecase("flight_delay").model_dump(by_alias=True)
    content["privacy"]["columns"] |= {"carrier": {"class": "personal", "treatment": "pseudonymise"}}
    content["fairness"] = {"groups": []}  # groups may name no person
    content["privacy"]["columns"]["tailnum"] = {"class": "internal"}
    content["privacy"]["subject"] = None
    return UseCase.model_validate(content)


def access(**tables: dict[str, str]) -> Access:
    return Access(roles=Settings().access, tables={f"flight_delay.{name}": rules for name, rules in tables.items()})


@pytest.mark.parametrize(
    ("role", "visible"),
    [
        ("viewer", ["flight_id"]),
        ("engineer", ["flight_id", "tailnum"]),
        ("operator", ["flight_id", "tailnum"]),
        ("admin", ["flight_id", "tailnum", "carrier"]),
    ],
)
def test_each_role_reads_its_class_and_below(spec: UseCase, role: str, visible: list[str]) -> None:
    assert access().visible_columns(role, spec, "events", ROWS.column_names) == visible
    assert access().visible_rows(role, spec, "events", ROWS).column_names == visible


def test_a_table_may_have_a_rule_of_its_own(spec: UseCase) -> None:
    rules = access(events={"viewer": "personal", "operator": "none"})
    assert rules.visible_columns("viewer", spec, "events", ROWS.column_names) == ROWS.column_names
    assert not rules.reads("operator", spec, "events", "public")
    assert rules.reads("operator", spec, "weather", "public"), "the rule is of one table"
    with pytest.raises(AccessError, match=r"role 'operator' reads flight_delay\.events up to class 'none'"):
        rules.visible_rows("operator", spec, "events", ROWS)


def test_rows_of_nothing_but_columns_above_the_role_are_refused(spec: UseCase) -> None:
    with pytest.raises(AccessError, match=r"up to class 'public', and all of \['carrier'\] is above"):
        access().visible_rows("viewer", spec, "events", ROWS.select(["carrier"]))


def test_an_unknown_role_or_table_is_named(spec: UseCase) -> None:
    with pytest.raises(AccessError, match=r"no role 'guest'; access is set for .*'viewer'"):
        access().reads("guest", spec, "events", "public")
    with pytest.raises(AccessError, match=r"flight_delay has no table 'evnts'; it has .*'events'"):
        access().reads("viewer", spec, "evnts", "public")
    with pytest.raises(AccessError, match=r"MOEBIUS_TABLE_ACCESS names the tables \['flight_delay.evnts'\]"):
        access(evnts={"viewer": "none"}).check([spec])
    access(events={"viewer": "none"}).check([spec])


def test_records_are_internal_and_whole_rows_are_of_the_highest_class(spec: UseCase) -> None:
    columns = ["period", "row", "content"]
    seen = {
        role: access().visible_columns(role, spec, "quarantine", columns) for role in ("viewer", "operator", "admin")
    }
    assert seen == {"viewer": [], "operator": ["period", "row"], "admin": columns}
    assert access().visible_columns("viewer", spec, "predictions", ["probability"]) == []
