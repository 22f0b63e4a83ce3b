"""Column lineage is right: what it names matters, and what it does not name does not."""

import ibis
import pandas as pd
import pytest

from include.catalog import column_lineage
from include.contracts.period import Period
from include.specification.loader import load_usecase
from include.usecases.flight_delay import features

SPEC = load_usecase("flight_delay")
HOURS = pd.date_range("2013-02-01 05:00", periods=12, freq="h", tz="UTC")


def weather(**changed: object) -> pd.DataFrame:
    numbers = {name: [float(i % 5) for i in range(12)] for name in features.READINGS}
    return pd.DataFrame({"origin": "JFK", "observed_at": HOURS, **numbers} | changed)


def views(rows: pd.DataFrame) -> pd.DataFrame:
    planes = pd.DataFrame({"tailnum": ["N1"], "year_built": [1.0], "seats": [1.0], "engines": [1.0]})
    tables = {"weather": ibis.memtable(rows), "planes": ibis.memtable(planes)}
    return ibis.duckdb.connect().to_pandas(
        features.build(tables, Period("2013-02"))["airport_weather"].order_by("event_timestamp")
    )


@pytest.mark.parametrize("changed", features.READINGS)
def test_only_columns_that_come_from_a_changed_one_change(changed: str) -> None:
    """Completeness, on the real expressions: another value in one column shows only where the lineage says."""
    lineage = column_lineage.of_tables(SPEC)[1]["airport_weather"]
    before, after = views(weather()), views(weather(**{changed: [float(i * i) for i in range(12)]}))
    differ = {c for c in before.columns if not before[c].equals(after[c])}
    assert differ == {c for c, origins in lineage.items() if ("weather", changed) in origins}


def test_events_come_from_the_columns_that_they_are_made_of() -> None:
    events = column_lineage.of_tables(SPEC)[0]["events"]
    assert events["late"] == {("flights", "arr_delay")}
    assert events["event_timestamp"] == {("flights", "time_hour"), ("flights", "sched_dep_time")}
    assert column_lineage.of_tables(SPEC)[1]["aircraft"]["event_timestamp"] == frozenset(), "a constant"


def test_windows_joins_and_unions_count() -> None:
    left = ibis.table({"k": "int64", "a": "int64"}, name="left")
    right = ibis.table({"k": "int64", "b": "int64"}, name="right")
    joined = left.join(right, "k").mutate(total=left.a + right.b)
    found = column_lineage.lineage(
        {"j": joined, "u": left.union(left.view()), "g": left.group_by("k").agg(x=left.a.sum())}
    )
    assert found["j"]["total"] == {("left", "a"), ("right", "b"), ("left", "k"), ("right", "k")}
    assert found["u"]["a"] == {("left", "a")}
    assert found["g"]["x"] == {("left", "a"), ("left", "k")}


def test_what_cannot_be_followed_is_left_out_not_guessed() -> None:
    rows = ibis.table({"a": "int64"}, name="t")
    other = ibis.table({"b": "int64"}, name="s")
    found = column_lineage.lineage(
        {"sub": rows.mutate(x=other.b.max().as_scalar()), "sql": rows.fill_null(0), "ok": rows}
    )
    assert set(found) == {"ok"}


def test_request_features_come_from_the_fields_their_code_asks_for() -> None:
    assert column_lineage.of_request(SPEC) == {"distance", "sched_dep_minute", "sched_arr_minute"}
