"""A table of records is one entry: what is written is read by filter, described, and protected."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pytest
from pydantic import AwareDatetime, Field

from include.adapters.lake import DeltaLake
from include.catalog.facts import Facts, column_meaning, table_meaning
from include.contracts.operations import Figure, GivenLabel
from include.contracts.period import Period
from include.contracts.record import Record
from include.errors import DataError
from include.governance.access import Access, known_tables
from include.records.privacy import column_level
from include.records.registry import FIGURES, GIVEN_LABELS, RECORD_TABLES
from include.records.table import RecordTable
from include.settings import Settings
from include.specification.loader import load_usecase
from tests.unit.fakes.lake import MemoryLake

SPEC = load_usecase("flight_delay")


class Cost(Record):
    """What the runs of a task cost, one row per run.

    Money is in euros.
    """

    period: str
    at: AwareDatetime = Field(description="when the run ended, UTC")
    release: str = Field(description="release that the run was for")
    kind: Literal["training", "serving", "storage"]
    euros: float | None = Field(default=None, description="price of the run")
    parts: dict[str, float] = Field(default={}, description="price by resource, JSON")


COSTS = RecordTable("costs", Cost, order=("at",), whole_rows=("parts",))


def cost(day: int, release: str = "r0001", **fields: object) -> Cost:
    at = datetime(2013, 1, day, tzinfo=UTC)
    period = f"2013-0{1 + day // 10}"
    return Cost(period=period, at=at, release=release, kind="training", parts={"cpu": float(day)}, **fields)


@pytest.fixture
def lake() -> MemoryLake:
    """Four runs, written in two tasks and not in order."""
    lake = MemoryLake()
    COSTS.append(SPEC.name, lake, [cost(12), cost(3)])
    COSTS.append(SPEC.name, lake, [cost(11, "r0002", euros=2.5), cost(1)])
    return lake


def test_records_are_read_as_they_were_written_oldest_first(lake: MemoryLake) -> None:
    assert COSTS.read(SPEC.name, lake) == [cost(1), cost(3), cost(11, "r0002", euros=2.5), cost(12)]
    assert (
        lake.schema(SPEC.name, "costs")
        == COSTS.schema
        == pa.schema(
            [
                ("period", pa.string()),
                ("at", pa.timestamp("us", tz="UTC")),
                ("release", pa.string()),
                ("kind", pa.string()),
                ("euros", pa.float64()),
                ("parts", pa.string()),
            ]
        )
    )


@pytest.mark.parametrize(
    ("wanted", "days"),
    [
        ({"periods": ["2013-02"]}, [11, 12]),
        ({"newest": 1}, [12]),
        ({"since": datetime(2013, 1, 3, tzinfo=UTC)}, [3, 11, 12]),
        ({"release": "r0001"}, [1, 3, 12]),
        ({"release": ["r0001", "r0002"], "newest": 2}, [11, 12]),
        ({"release": "r0001", "periods": ["2013-01"], "since": datetime(2013, 1, 2, tzinfo=UTC)}, [3]),
        ({"periods": []}, []),
    ],
    ids=str,
)
def test_a_reader_names_what_it_wants(lake: MemoryLake, wanted: dict, days: list[int]) -> None:
    assert [one.at.day for one in COSTS.read(SPEC.name, lake, **wanted)] == days


@pytest.mark.parametrize(("ahead", "follows"), [(1.0, True), (6.9, True), (8.0, False), (0.0, False)])
def test_after_a_wall_clock_was_set_back_records_come_after_those_before_and_none_is_far_off(
    ahead: float, follows: bool
) -> None:
    lake, now = MemoryLake(), datetime.now(UTC)
    rising = RecordTable("costs", Cost, order=("at",), rises=True)
    before = cost(1).model_copy(update={"at": now + timedelta(days=ahead)})
    rising.append(SPEC.name, lake, [before])
    two = [cost(1, "later").model_copy(update={"at": now + timedelta(seconds=n)}) for n in (1, 2)]
    rising.append(SPEC.name, lake, two)
    read = [one for one in rising.read(SPEC.name, lake) if one.release == "later"]
    assert read[1].at - read[0].at == timedelta(seconds=1)
    assert (read[0].at >= before.at) == (follows or ahead == 0)
    assert (read[0].at == two[0].at) == (not follows)


def test_a_type_that_no_column_holds_is_refused() -> None:
    class Dated(Record):
        day: date

    with pytest.raises(TypeError, match=r"no column of a record table holds <class 'datetime\.date'>"):
        _ = RecordTable("days", Dated, order=("day",)).schema


def test_rows_may_be_read_by_column(lake: MemoryLake) -> None:
    assert COSTS.rows(SPEC.name, lake, periods=["2013-02"], columns=["euros"]).to_pydict() == {"euros": [None, 2.5]}
    assert COSTS.periods(SPEC.name, lake) == ["2013-01", "2013-02"]


def test_without_the_table_there_is_nothing(lake: MemoryLake) -> None:
    assert COSTS.read("another", lake, newest=3) == []
    assert COSTS.rows("another", lake).schema == COSTS.schema
    COSTS.append("another", lake, [])
    assert lake.tables("another") == []


def test_an_entry_is_described_and_protected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECORD_TABLES, COSTS.name, COSTS)
    assert table_meaning(SPEC, Facts(), "costs") == "What the runs of a task cost, one row per run"
    meanings = {name: column_meaning(SPEC, Facts(), "costs", name) for name in COSTS.schema.names}
    assert meanings["euros"] == "price of the run"
    assert meanings["kind"] == "training, serving or storage"
    assert all(meanings.values())
    assert "costs" in known_tables(SPEC)
    assert (column_level(SPEC, "costs", "euros"), column_level(SPEC, "costs", "parts")) == ("internal", "personal")
    access = Access(roles=Settings().access, tables={})
    assert access.visible_columns("operator", SPEC, "costs", COSTS.schema.names) == COSTS.schema.names[:-1]


def test_figures_of_a_period_are_replaced_as_a_whole() -> None:
    lake, figure = (
        MemoryLake(),
        Figure(usecase=SPEC.name, release="r0001", period=Period("2013-05"), name="auc", value=0.7),
    )
    for value in (0.7, 0.8):
        FIGURES.replace(SPEC.name, lake, Period("2013-05"), [figure.model_copy(update={"value": value})])
    assert FIGURES.read(SPEC.name, lake) == [figure.model_copy(update={"value": 0.8})]
    with pytest.raises(DataError, match="figures is a table of mode 'replace'"):
        FIGURES.append(SPEC.name, lake, [figure])


def test_an_open_table_keeps_the_columns_of_the_use_case() -> None:
    label = GivenLabel(
        period=Period("2013-05"), given_by="ann", selection="s", release="r1", strategy="entropy", uncertainty=1
    )
    lake, rows = MemoryLake(), pa.Table.from_pylist([{"flight_id": "f", **label.model_dump(), "uncertainty": 1}])
    GIVEN_LABELS.append(SPEC.name, lake, rows)
    assert GIVEN_LABELS.read(SPEC.name, lake) == [label]
    stored = lake.schema(SPEC.name, "given_labels")
    assert (stored.names[0], stored.field("uncertainty").type) == ("flight_id", pa.float64())
    with pytest.raises(DataError, match=r"given_labels lack \['given_by'\]"):
        GIVEN_LABELS.append(SPEC.name, lake, rows.drop_columns(["given_by"]))


@pytest.mark.parametrize("table", RECORD_TABLES.values(), ids=list(RECORD_TABLES))
def test_every_table_says_what_it_and_its_columns_mean(table: RecordTable) -> None:
    assert table.description
    assert all(table.columns.values())
    assert set(table.order) <= set(table.schema.names)
    assert set(table.whole_rows) <= set(table.columns)
    times = [name for name in table.schema.names if name == "at" or name.endswith("_at")]
    assert {table.schema.field(name).type for name in times} <= {pa.timestamp("us", tz="UTC")}


def test_a_field_that_is_younger_than_the_table_has_its_default(tmp_path: Path) -> None:
    class OldCost(Record):
        """What the runs cost, as an earlier release wrote it."""

        period: str
        at: AwareDatetime
        release: str
        kind: Literal["training", "serving", "storage"]

    old = {name: getattr(cost(3), name) for name in OldCost.model_fields}
    for lake in (MemoryLake(), DeltaLake(tmp_path)):
        RecordTable("costs", OldCost, order=("at",)).append(SPEC.name, lake, [OldCost(**old)])
        assert COSTS.read(SPEC.name, lake) == [cost(3).model_copy(update={"parts": {}})]
        COSTS.append(SPEC.name, lake, [cost(4)])
        assert COSTS.read(SPEC.name, lake)[1] == cost(4)
