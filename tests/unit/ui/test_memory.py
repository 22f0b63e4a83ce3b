"""Pages read a table again when it changed, and not before."""

from types import SimpleNamespace
from typing import Any

import pytest

from include.specification.loader import load_usecase
from include.ui.memory import Memory

SPEC = load_usecase("flight_delay")
ASKED = ("home", SPEC.name, "verdicts")


class Table:
    """One that counts how often it is read."""

    def __init__(self) -> None:
        self.stamp_now, self.times = "1", 0
        self.records: Any = SimpleNamespace(stamp=lambda spec, tables: self.stamp_now)

    def read(self) -> list[int]:
        self.times += 1
        return [self.times]


@pytest.fixture
def table() -> Table:
    return Table()


def test_what_did_not_change_is_read_once_and_nobody_changes_it_for_others(table: Table) -> None:
    memory = Memory()
    first = memory.get(table.records, SPEC, ["verdicts"], ASKED, table.read)
    first.append(99)
    assert memory.get(table.records, SPEC, ["verdicts"], ASKED, table.read) == [1]


@pytest.mark.parametrize("stamp", ["2", ""])
def test_what_changed_or_may_have_changed_is_read_again(table: Table, stamp: str) -> None:
    memory = Memory()
    memory.get(table.records, SPEC, ["verdicts"], ASKED, table.read)
    table.stamp_now = stamp
    assert memory.get(table.records, SPEC, ["verdicts"], ASKED, table.read) == [2]


def test_another_spec_of_the_same_name_is_read_again(table: Table) -> None:
    memory = Memory()
    memory.get(table.records, SPEC, ["verdicts"], ASKED, table.read)
    assert memory.get(table.records, SPEC.model_copy(), ["verdicts"], ASKED, table.read) == [2]


def test_a_change_while_it_is_read_is_seen_the_next_time(table: Table) -> None:
    memory = Memory()

    def read() -> list[int]:
        table.stamp_now = "2"
        return table.read()

    memory.get(table.records, SPEC, ["verdicts"], ASKED, read)
    assert memory.get(table.records, SPEC, ["verdicts"], ASKED, table.read) == [2]


def test_the_results_that_were_not_asked_for_longest_are_forgotten(table: Table) -> None:
    memory = Memory(kept=2)
    for number in ("1", "2", "3"):
        memory.get(table.records, SPEC, [], (number,), table.read)
    memory.get(table.records, SPEC, [], ("3",), table.read)
    memory.get(table.records, SPEC, [], ("1",), table.read)
    assert table.times == 4
