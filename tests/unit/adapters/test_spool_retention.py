"""What is promised is deleted: records of the spool whose retention is over, and nothing else."""

import json
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.adapters.prediction_log import PredictionSpool
from include.adapters.unreadable_records import UnreadableRecords
from include.contracts.streaming import UnreadableRecord
from tests.unit.adapters.test_prediction_log import MALFORMED, ids, line, spool

TIMED = (
    "no UTF-8", "overflow", "a huge number", "NaN", "logged in the year 50000", "logged in two days and more",
    "text for a number", "a number for text", "an object for text", "an unknown release",
    "a field of the record absent", "half a surrogate pair",
)  # fmt: skip
"""Records that cannot be read and have an event time."""
CUT = datetime.fromtimestamp(1.36e9, UTC)
LONG_AGO = datetime(1970, 1, 2, tzinfo=UTC)


def dated(number: int, seconds: float) -> str:
    """A record of an event so many seconds after the cut."""
    return line(number).replace('"at": 1360000000.0', f'"at": {CUT.timestamp() + seconds}')


def ship(log: PredictionSpool) -> list[str]:
    shipped = []
    for batch in log.unshipped():
        shipped += list(batch.rows["request_id"])
        log.acknowledge(batch)
    return shipped


def left(file: Path) -> list[str]:
    return [json.loads(text)["request_id"] for text in file.read_text().splitlines() if text.strip()]


def close(file: Path) -> None:
    """As when the model server wrote to it last three days ago."""
    past = (datetime.now(UTC) - timedelta(days=3)).timestamp()
    os.utime(file, (past, past))


def test_records_before_the_cut_go_and_nothing_else_moves(tmp_path: Path) -> None:
    file, log = tmp_path / "a.jsonl", spool(tmp_path)
    file.write_text(dated(1, -1) + dated(2, 0) + dated(3, -5e5) + dated(4, 7))
    size = file.stat().st_size
    assert ship(log) == ["q1", "q2", "q3", "q4"]
    assert [log.forget(CUT, LONG_AGO) for _ in range(2)] == [2, 0]
    assert (left(file), file.stat().st_size) == (["q2", "q4"], size)
    with file.open("a") as more:
        more.write(dated(5, -3) + dated(6, 1))
    assert ship(log) == ["q5", "q6"], "the positions are as they were"
    assert (log.forget(CUT, LONG_AGO), left(file)) == (1, ["q2", "q4", "q6"])


def test_what_is_not_shipped_stays(tmp_path: Path) -> None:
    file, log = tmp_path / "a.jsonl", spool(tmp_path)
    file.write_text(dated(1, -1))
    assert (log.forget(CUT, LONG_AGO), left(file)) == (0, ["q1"])
    assert ship(log) == ["q1"]
    assert (log.forget(CUT, LONG_AGO), left(file)) == (1, [])


def test_a_file_without_any_record_goes_when_no_server_writes_it(tmp_path: Path) -> None:
    today = tmp_path / f"{datetime.now(UTC):%Y%m%d}-7.jsonl"
    past = tmp_path / "20130201-7.jsonl"
    log = spool(tmp_path)
    for number, file in enumerate((today, past)):
        file.write_text(dated(number, -1))
    ship(log)
    assert log.forget(CUT, LONG_AGO) == 2
    assert (today.exists(), past.exists()) == (True, False)
    past.write_text(dated(3, 1))
    assert ship(log) == ["q3"], "a file of the same name begins at its begin"


@pytest.mark.parametrize("what", [w for w in MALFORMED if w not in ("zeros of a lost page", "a duplicate")])
def test_what_has_no_time_goes_by_the_clock(tmp_path: Path, what: str) -> None:
    file, log = tmp_path / "a.jsonl", spool(tmp_path)
    file.write_bytes(dated(1, 1).encode() + MALFORMED[what] + dated(3, 1).encode())
    ship(log)
    close(file)
    log.forget(datetime.fromtimestamp(0, UTC), LONG_AGO)
    log.forget(datetime(2013, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=1))
    assert UnreadableRecords(tmp_path / "aside", "log").newest() == []
    known = ids(spool(tmp_path))
    assert known == []
    lines = [text for text in file.read_bytes().splitlines() if text.strip()]
    others = {json.loads(text)["request_id"] for text in lines} - {"q1", "q3"}
    assert not others or what in TIMED, "q7 has a time that is kept"


@pytest.mark.parametrize(
    "time", ["NaN", "Infinity", "1360000000000", "253370764800", "9" * 400, "-" + "9" * 400, "true"]
)
@pytest.mark.parametrize("first", [True, False])
def test_a_number_that_is_no_time_keeps_neither_itself_nor_others(tmp_path: Path, time: str, first: bool) -> None:
    file, log = tmp_path / "a.jsonl", spool(tmp_path)
    parts = [line(7).replace('"at": 1360000000.0', f'"at": {time}'), dated(1, -1)]
    file.write_text("".join(parts if first else parts[::-1]))
    ship(log)
    assert (log.forget(CUT, LONG_AGO), left(file)) == (1, ["q7"])
    close(file)
    assert (log.forget(CUT, datetime.now(UTC)), file.exists()) == (1, False)


def test_records_that_could_not_be_read_are_kept_as_long(tmp_path: Path) -> None:
    aside = UnreadableRecords(tmp_path, "log")
    old = UnreadableRecord(source="a:1", at=CUT - timedelta(seconds=1), reason="cut", text="{")
    aside.keep([old, old.model_copy(update={"source": "a:2", "at": CUT})])
    assert [aside.forget(CUT) for _ in range(2)] == [1, 0]
    assert [record.source for record in aside.newest()] == ["a:2"]
    assert aside.count() == 2, "how many there ever were"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(-3, 3), max_size=4), min_size=1, max_size=5), st.data())
def test_whatever_is_shipped_in_between_exactly_the_expired_records_go(
    parts: list[list[int]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as home:
        file, log, kept, number = Path(home) / "a.jsonl", spool(Path(home)), list[tuple[str, int]](), 0
        file.touch()
        for part in parts:
            with file.open("a") as more:
                for seconds in part:
                    more.write(dated(number, seconds))
                    kept.append((f"q{number}", seconds))
                    number += 1
            assert len(ship(log)) == len(part)
            ahead = data.draw(st.integers(-3, 3))
            log.forget(CUT + timedelta(seconds=ahead), LONG_AGO)
            kept = [(name, seconds) for name, seconds in kept if seconds >= ahead]
            assert left(file) == [name for name, _ in kept]


def test_a_damaged_note_is_made_again(tmp_path: Path) -> None:
    file, log = tmp_path / "a.jsonl", spool(tmp_path)
    file.write_text(dated(1, -1) + dated(2, 1))
    ship(log)
    log.forget(LONG_AGO, LONG_AGO)
    (tmp_path / ".contents.json").write_text("[1")
    assert (log.forget(CUT, LONG_AGO), left(file)) == (1, ["q2"])
