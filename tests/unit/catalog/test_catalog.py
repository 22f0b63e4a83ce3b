"""The catalog says what there is, whose it is, and what came from what, both ways."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from include.catalog import data_sheet, making
from include.catalog.entries import Catalog, Edge, Entry
from include.catalog.facts import Facts
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef, TableRef
from include.errors import NotFoundError
from include.specification.data import ColumnPrivacy, Privacy
from tests.unit.catalog.catalog_records import SPEC, catalog, facts

NOW = datetime(2013, 3, 1, tzinfo=UTC)


def ids(steps: list) -> set[str]:
    return {s.id for s in steps}


def test_every_kind_of_thing_is_there() -> None:
    kinds = {e.kind for e in catalog().entries}
    assert kinds == {
        "source", "table", "column", "feature", "feature service", "dataset", "model", "release", "predictions",
    }  # fmt: skip


def test_what_was_a_model_trained_on() -> None:
    made_from = ids(catalog().upstream("model/1"))
    assert {
        "dataset/2013-02-abc",
        "service/flight_delay_v1",
        "table/events",
        "source/flights",
        "source/weather",
    } <= made_from
    assert "release/r0001" not in made_from
    edge = next(e for e in catalog().edges if (e.source, e.target) == ("table/events", "dataset/2013-02-abc"))
    assert edge.how == "snapshots 2013-01 to 2013-02"


def test_what_does_a_column_feed() -> None:
    fed = ids(catalog().downstream("source/weather/precip"))
    assert {"table/weather/precip", "feature/precip_1h", "feature/precip_6h", "model/1", "table/predictions"} <= fed
    assert not {"feature/temp", "feature/carrier", "table/airport_weather/temp"} & fed


def test_an_entity_key_feeds_what_is_looked_up_by_it() -> None:
    assert {"feature/seats", "feature/engines"} <= ids(catalog().downstream("table/events/tailnum"))
    assert "feature/temp" not in ids(catalog().downstream("table/events/tailnum"))


def test_tables_lead_to_tables_and_values_to_values() -> None:
    assert not [s for s in catalog().upstream("release/r0001") if s.id.startswith("feature/")]
    assert [s.distance for s in catalog().upstream("feature/temp") if s.id == "source/weather/temp"] == [3]


def test_the_lineage_of_an_entry_is_a_catalog_of_its_own() -> None:
    near = catalog().lineage("table/airport_weather")
    assert {"source/weather", "table/weather", "table/airport_weather", "model/1"} <= {e.id for e in near.entries}
    assert "source/flights" not in {e.id for e in near.entries}
    assert {(e.source, e.target) for e in near.edges} >= {("table/weather", "table/airport_weather")}


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("precip_6h", "table/airport_weather/precip_6h"),
        ("scheduled departure label", "table/events"),
        ("WIND mph", None),
    ],
)
def test_search_finds_names_and_meanings(text: str, first: str | None) -> None:
    found = catalog().search(text)
    assert found
    assert first in (None, found[0].id)


def test_search_finds_owners_and_kinds_and_nothing() -> None:
    assert {e.owner for e in catalog().search("met-office")} == {"met-office"}
    assert {e.kind for e in catalog().search("", "model")} == {"model"}
    assert catalog().search("no such thing") == []


def test_the_last_word_of_a_gate_counts_and_shows_no_value() -> None:
    february, january = catalog().entry("table/events").gates
    assert (january.period, january.passed, january.failures) == ("2013-01", True, [])
    assert february.passed
    assert february.failures == ["late: expect_values_not_null (warn): 4 of 100 rows"]
    assert "N12345" not in catalog().model_dump_json()


def test_snapshots_are_the_versions_of_a_table() -> None:
    newest, _ = catalog().entry("table/events").versions
    assert newest.name == "2013-02-aa"
    assert newest.at == datetime(2013, 3, 28, tzinfo=UTC)
    assert catalog().entry("table/predictions").versions[0].name == "Delta version 2"


def test_of_many_periods_the_newest_have_an_entry_of_their_own() -> None:
    days = Period.ranged("2013-01-01..2013-12-31")
    refs = {"events": TableRef(table="events", version=1, rows=50, content_hash="b" * 64)}
    snapshots = [SnapshotRef(usecase=SPEC.name, period=day, name=f"{day}-aa", tables=refs) for day in days]
    made = making.make(SPEC, replace(facts(), snapshots=snapshots), datetime(2014, 1, 1, tzinfo=UTC))
    versions = made.entry("table/events").versions
    assert [one.name for one in versions[:2]] == ["2013-12-31-aa", "2013-12-30-aa"]
    assert (len(versions), versions[-1].name) == (making.NEWEST + 1, "305 more")
    assert versions[-1].detail == "snapshots of 2013-01-01..2013-11-01"


def test_the_sheet_of_a_year_of_days_says_the_rows_of_each_month_and_the_days_without() -> None:
    days = Period.ranged("2013-01-01..2013-12-31")
    state = facts().tables[0].model_copy(update={"rows": {day: 10 for day in days if day != "2013-05-02"}})
    sheet = data_sheet.markdown(SPEC, catalog(), state, [])
    assert "| 2013-05 | 30 | 300 |" in sheet
    assert "There are no rows of 2013-05-02." in sheet
    assert len(sheet) < 10_000


def test_a_table_has_the_class_of_its_most_protected_column() -> None:
    personal = ColumnPrivacy.model_validate({"class": "personal", "treatment": "pseudonymise"})
    spec = SPEC.model_copy(update={"privacy": Privacy(default="public", columns={"tailnum": personal})})
    classes = {e.id: e.privacy for e in catalog(spec).entries}
    assert classes["table/events"] == classes["source/planes/tailnum"] == "personal"
    assert classes["table/weather"] == "public"


def test_nothing_is_without_meaning_owner_and_class() -> None:
    assert catalog().gaps() == []


def test_what_nobody_describes_is_a_gap() -> None:
    state = facts().tables[0].model_copy(update={"table": "mystery", "columns": {"what": "string"}})
    assert making.make(SPEC, Facts(tables=[state]), NOW).gaps()[:2] == [
        "table/mystery has no meaning",
        "table/mystery/what has no meaning",
    ]


def test_an_unknown_entry_is_answered_with_one_like_it() -> None:
    with pytest.raises(NotFoundError, match="has no 'table/evnts'; similar: table/events"):
        catalog().entry("table/evnts")


def test_a_circle_in_the_records_ends_the_walk() -> None:
    entries = [Entry(id=i, kind="table", name=i, meaning=i, owner="o", privacy="public") for i in ("a", "b")]
    edges = [Edge(source="a", target="b"), Edge(source="b", target="a")]
    circle = Catalog(usecase="x", title="x", made_at=NOW, entries=entries, edges=edges)
    assert [s.id for s in circle.upstream("a")] == ["b"]


def test_a_platform_without_a_record_has_its_sources() -> None:
    made = making.make(SPEC, Facts(), NOW)
    assert {e.id for e in made.entries if e.kind == "source"} == {"source/flights", "source/weather", "source/planes"}
    assert all({e.source, e.target} <= {x.id for x in made.entries} for e in made.edges)
