"""Periods in few files: merged, replaced within a merged file, pinned wherever their rows are."""

from datetime import UTC, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake.exceptions import CommitFailedError
from hypothesis import given, settings
from hypothesis import strategies as st

from include.adapters.lake import DeltaLake, commits, merging
from include.adapters.lake.table import Table
from include.contracts.calendar import Calendar
from include.contracts.period import Period
from include.contracts.tables import RowFilter, TableRef
from include.errors import DamagedFileError
from include.formats import proved_parquet
from include.formats.content import content_hash

pytestmark = pytest.mark.integration
DAYS = Period.between(Period("2013-01-30"), Period("2013-02-04"))
FIRST, *_ = DAYS


def rows(*values: int) -> pa.Table:
    return pa.table({"value": pa.array(values, pa.int64())})


def published(home: Path, days: list[Period] = DAYS) -> tuple[DeltaLake, dict[Period, TableRef]]:
    lake = DeltaLake(home)
    return lake, {day: lake.publish("u", "t", rows(n, n + 10), day) for n, day in enumerate(days)}


def values(lake: DeltaLake, refs: dict[Period, TableRef]) -> list[int]:
    return lake.read_pinned("u", "t", refs)["value"].to_pylist()


def test_files_of_a_month_become_one_and_every_pin_is_read_as_before(tmp_path: Path) -> None:
    lake, refs = published(tmp_path)
    before, version = values(lake, refs), lake.version("u", "t")
    assert lake.compact("u", "t") == 1, "January's two files; February is the newest month"
    assert (lake.compact("u", "t"), lake.version("u", "t")) == (0, version + 1)
    assert lake.prune("u", "t", refs.items()) == 2
    assert values(lake, refs) == before
    for day, ref in refs.items():
        assert content_hash(lake.read_pinned("u", "t", {day: ref})) == ref.content_hash
        assert lake.publish("u", "t", lake.read("u", "t", [day]).drop_columns(["period"]), day).version == version + 1
    assert lake.periods("u", "t") == DAYS
    assert lake.describe("u", "t").rows == dict.fromkeys(DAYS, 2)


def test_files_that_a_reader_may_have_begun_stay_a_while(tmp_path: Path) -> None:
    lake, refs = published(tmp_path)
    stored = lake.stored("u", "t")
    lake.compact("u", "t")
    assert (lake.prune("u", "t", refs.items(), timedelta(days=1)), lake.vacuum("u", "t", timedelta(days=1))) == (0, 0)
    assert all(Path(file).exists() for file in stored)


def test_a_day_is_replaced_within_a_merged_file_and_the_others_stay(tmp_path: Path) -> None:
    lake, refs = published(tmp_path)
    lake.compact("u", "t")
    again = lake.publish("u", "t", rows(99), FIRST)
    assert sorted(lake.read("u", "t", DAYS[:2])["value"].to_pylist()) == [1, 11, 99]
    assert values(lake, refs | {FIRST: again}) == [99, *values(lake, refs)[2:]]
    lake.prune("u", "t", [*refs.items(), (FIRST, again)])
    assert values(lake, {FIRST: refs[FIRST]}) == [0, 10], "an older snapshot has its own rows"
    assert lake.publish("u", "t", rows().slice(0), FIRST).rows == 0
    assert lake.periods("u", "t") == DAYS[1:]


def test_what_a_sound_file_holds_is_asked_once_and_no_way_out_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, refs = published(tmp_path)
    lake.compact("u", "t")
    asked, told = list[str](), list[str]()
    monkeypatch.setattr(merging, "held", lambda file: asked.append(file) or proved_parquet.held(file))
    refs[DAYS[1]] = lake.publish("u", "t", rows(7), DAYS[1])
    assert len(asked) == 1, "the file of January, whatever the number of its days"
    values(lake, refs)
    monkeypatch.setattr(proved_parquet, "way_out", lambda file: told.append(file) or "")
    values(lake, refs)
    assert told == []


def test_an_older_snapshot_is_read_after_its_day_was_merged_pruned_and_published_anew(tmp_path: Path) -> None:
    lake, refs = published(tmp_path)
    lake.compact("u", "t")
    assert lake.prune("u", "t", refs.items()) == 2, "the merged file has the same rows"
    pins = [*refs.items()]
    for value in (99, 0, 98):  # 0: what the older snapshot has, in a file of its own
        content = rows(value, 10) if value == 0 else rows(value)
        pins.append((FIRST, lake.publish("u", "t", content, FIRST)))
        lake.prune("u", "t", pins)
        lake.compact("u", "t")
        lake.prune("u", "t", pins)
        assert values(lake, {FIRST: refs[FIRST]}) == [0, 10]
    for _, ref in pins[len(refs) :]:
        assert lake.read_pinned("u", "t", {FIRST: ref}).num_rows == ref.rows


def test_many_periods_are_one_commit_with_a_file_per_month(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path)
    refs = lake.publish_all("u", "t", {day: rows(n) for n, day in enumerate(DAYS)})
    assert {ref.version for ref in refs.values()} == {1}
    assert len(lake.files("u", "t")) == 2
    assert values(lake, refs) == list(range(6))
    assert lake.publish_all("u", "t", {day: rows(n) for n, day in enumerate(DAYS)}) == refs
    assert lake.publish("u", "t", rows(3), DAYS[3]) == refs[DAYS[3]], "the same as alone"


def test_appended_records_keep_their_order_when_they_are_merged(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path)
    for n in range(40):
        day = DAYS[n % 2]
        lake.append("u", "log", pa.table({"period": [day], "n": [n], "same": [0]}))
    ordered = RowFilter(order=["same"])
    before = lake.select("u", "log", ordered)["n"].to_pylist()
    assert (before, lake.compact("u", "log")) == (list(range(40)), 39)
    lake.append("u", "log", pa.table({"period": [DAYS[0]], "n": [40], "same": [0]}))
    assert lake.select("u", "log", ordered)["n"].to_pylist() == list(range(41))
    assert lake.select("u", "log", RowFilter(order=["same"], newest=2))["n"].to_pylist() == [39, 40]
    assert lake.read("u", "log", [DAYS[0]]).num_rows == 21
    assert lake.delete("u", "log", "n < 30") == 30
    assert sorted(lake.read("u", "log")["n"].to_pylist()) == list(range(30, 41))


def test_days_of_other_types_are_not_merged_into_one_file(tmp_path: Path) -> None:
    """In another type the rows would have another content hash."""
    lake, january = DeltaLake(tmp_path), DAYS[:2]
    narrow = pa.table({"value": pa.array([1], pa.int32())})
    refs = {january[0]: lake.publish("u", "t", narrow, january[0])}
    refs[january[1]] = lake.publish("u", "t", rows(2**40), january[1])
    lake.publish("u", "t", rows(3), DAYS[2])
    assert lake.compact("u", "t") == 0
    assert values(lake, refs) == [1, 2**40]


def test_a_publication_that_began_before_a_merge_loses_and_the_next_attempt_wins(tmp_path: Path) -> None:
    lake, _ = published(tmp_path)
    late = Table(tmp_path / "u" / "t")
    lake.compact("u", "t")
    content = commits.Content(rows(5).to_batches(), rows().schema, 1)
    with pytest.raises(CommitFailedError):
        commits.replace(late, {FIRST: content}, late.schema, {})
    lake.publish("u", "t", rows(5), FIRST)
    assert lake.read("u", "t", [FIRST])["value"].to_pylist() == [5]


def test_a_damaged_merged_file_is_named_and_its_days_can_be_published_again(tmp_path: Path) -> None:
    lake, refs = published(tmp_path)
    lake.compact("u", "t")
    file = Path(lake.files("u", "t", [FIRST])[0].file)
    lake.prune("u", "t", refs.items())
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"u\.t periods of 2013-01: .*run u\.data_pipeline for 2013-01 again"):
        values(lake, refs)
    with pytest.raises(DamagedFileError, match=file.name):
        lake.compact("u", "t") or lake.read("u", "t")
    for n, day in enumerate(DAYS[:2]):
        lake.publish("u", "t", rows(n, n + 10), day)
    assert values(lake, refs) == [n + add for n in range(6) for add in (0, 10)]


moments = st.datetimes(Period("2012-12-20").nominal, Period("2013-03-10").nominal, timezones=st.just(UTC))
actions = st.lists(st.tuples(moments, st.lists(st.integers(0, 5), max_size=3), st.booleans()), min_size=1, max_size=8)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(["hour", "day", "week", "month"]), actions)
def test_whatever_is_published_and_merged_in_whatever_order_each_pin_keeps_its_rows(
    tmp_path_factory: pytest.TempPathFactory, every: str, done: list[tuple]
) -> None:
    lake = DeltaLake(tmp_path_factory.mktemp("lake"))
    pinned: dict[Period, tuple[TableRef, list[int]]] = {}
    for moment, given_values, merges in done:
        period = Calendar(every=every).of(moment)
        pinned[period] = lake.publish("u", "t", rows(*given_values), period), given_values
        if merges:
            lake.compact("u", "t")
            lake.prune("u", "t", [(one, ref) for one, (ref, _) in pinned.items()])
    refs = {period: ref for period, (ref, _) in pinned.items()}
    found = lake.read_pinned("u", "t", refs)
    for period, (ref, expected) in pinned.items():
        there = found.filter(pc.equal(found["period"], str(period)))["value"].to_pylist()
        assert sorted(there) == sorted(expected) == sorted(lake.read("u", "t", [period])["value"].to_pylist())
        assert lake.read_pinned("u", "t", {period: ref}).num_rows == ref.rows
    assert lake.periods("u", "t") == sorted(period for period, (_, expected) in pinned.items() if expected)
