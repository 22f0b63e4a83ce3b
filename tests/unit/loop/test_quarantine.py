"""A decision on held rows is recorded once, with who took it and why."""

from pathlib import Path

import pyarrow as pa
import pytest

from include.data import quarantine as held
from include.errors import NotFoundError
from include.loop import quarantine
from include.services.composition import Services
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import APRIL, SPEC

FAILING = {"flights": pa.table({"row": ["a", "b"], "reasons": ["r", "r"], "content": ["{}", "{}"]})}


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = services_in(tmp_path)
    held.hold(SPEC, APRIL, "raw", FAILING, made.adapters.lake)
    return made


def test_the_decision_is_on_every_held_row(services: Services) -> None:
    decided = quarantine.decide(SPEC, services, [APRIL], "raw", "all", "release", "ada", "looked at them")
    assert decided == {"flights": 2}
    assert {(row.status, row.decided_by) for row in services.records.quarantined_rows(SPEC)} == {("released", "ada")}


def test_repeated_it_changes_nothing(services: Services) -> None:
    quarantine.decide(SPEC, services, [APRIL], "raw", "flights", "drop", "ada", "wrong")
    before = services.adapters.lake.read(SPEC.name, "quarantine").num_rows
    quarantine.decide(SPEC, services, [APRIL], "raw", "flights", "drop", "ada", "wrong")
    assert services.adapters.lake.read(SPEC.name, "quarantine").num_rows == before


def test_without_held_rows_there_is_nothing_to_decide(services: Services) -> None:
    with pytest.raises(NotFoundError):
        quarantine.decide(SPEC, services, [APRIL], "features", "all", "drop", "ada", "wrong")


def test_the_rows_of_a_range_are_decided_together(services: Services) -> None:
    held.hold(SPEC, APRIL.shift(2), "raw", FAILING, services.adapters.lake)
    held.hold(SPEC, APRIL.shift(3), "raw", FAILING, services.adapters.lake)
    range_of_three = [APRIL, APRIL.shift(1), APRIL.shift(2)]
    assert quarantine.decide(SPEC, services, range_of_three, "raw", "all", "drop", "ada", "wrong") == {"flights": 4}
    left = {row.period for row in services.records.quarantined_rows(SPEC) if row.status == "held"}
    assert left == {APRIL.shift(3)}
