"""Shipping the spool: whole lines, once, the same batch again until it is acknowledged."""

import json
import tempfile
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.adapters import prediction_log, unreadable_records
from include.adapters.file_locks import FileLocks
from include.adapters.prediction_log import PredictionSpool
from include.adapters.unreadable_records import UnreadableRecords
from include.contracts.logged_records import LogSchema
from include.contracts.request_rules import Times
from include.contracts.streaming import UnreadableRecord
from include.errors import LockHeldError
from include.formats.sealed_text import copy_of

FIRST = 1.3e9


def line(number: int, **features: object) -> str:
    record = {
        "request_id": f"q{number}", "logged_at": 1360000000.5, "release": "r0001", "prediction": 1.0,
        "probability": 0.5, "scores": [0.5], "latency_ms": 1.0, "missing": ["weather"],
        "inputs": {"at": 1360000000.0, "origin": "EWR"},
        "features": {"origin": "EWR", "temp": None, "kind": None, **features},
    }  # fmt: skip
    return json.dumps(record) + "\n"


def spool(
    directory: Path, numbers: int = 0, releases: Collection[str] = frozenset({"r0001", "r0002"})
) -> PredictionSpool:
    pixels = {"pixels": [f"pixels_{n:02d}" for n in range(numbers)]} if numbers else {}
    schema = LogSchema(
        inputs={"at": ["at"], "origin": ["origin"], **pixels},
        kinds={"at": "timestamp", "origin": "string", **dict.fromkeys(pixels, "float")},
        features=["origin", "temp", "kind", *pixels.get("pixels", [])],
        time="at",
        times=Times(FIRST, 0),
        texts={"origin", "kind"},
        releases=lambda: releases,
    )
    return PredictionSpool(directory, FileLocks(directory), schema, UnreadableRecords(directory / "aside", "log"))


def ids(log: PredictionSpool) -> list[str]:
    return [i for batch in log.unshipped() for i in batch.rows["request_id"]]


def test_rows_have_the_columns_and_types_of_the_spec(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(line(1))
    (batch,) = spool(tmp_path).unshipped()
    row = batch.rows.iloc[0]
    assert row["at"].isoformat() == "2013-02-04T17:46:40+00:00"
    assert (row["origin"], row["missing"], batch.rows["temp"].dtype, batch.rows["kind"].dtype) == (
        "EWR",
        1,
        "float64",
        "object",
    )


def test_a_tensor_is_logged_as_one_and_shipped_as_columns(tmp_path: Path) -> None:
    record = json.loads(line(1)) | {"probability": None, "prediction": -2.5, "scores": [-2.5]}
    record["inputs"]["pixels"] = [1.0, 0.5]
    (tmp_path / "a.jsonl").write_text(json.dumps(record) + "\n")
    (batch,) = spool(tmp_path, numbers=2).unshipped()
    row = batch.rows.iloc[0]
    assert (row["pixels_00"], row["pixels_01"], row["prediction"], row["scores"]) == (1.0, 0.5, -2.5, [-2.5])
    assert "pixels" not in batch.rows
    assert (batch.rows["probability"].dtype, batch.rows["probability"].isna().all()) == ("float64", True)


def test_acknowledged_rows_do_not_come_again_and_new_ones_do(tmp_path: Path) -> None:
    file, log = tmp_path / "a.jsonl", spool(tmp_path)
    file.write_text(line(1) + line(2)[:30])
    for batch in log.unshipped():
        log.acknowledge(batch)
    assert ids(log) == []
    file.write_text(line(1) + line(2) + line(3))
    assert ids(log) == ["q2", "q3"]


def test_a_batch_that_was_not_acknowledged_comes_again_unchanged_and_says_so(tmp_path: Path) -> None:
    file, log = tmp_path / "a.jsonl", spool(tmp_path)
    file.write_text(line(1) + line(2))
    (first,) = log.unshipped()
    assert not first.again
    with file.open("a") as more:
        more.write(line(3))
    batches = []
    for batch in log.unshipped():
        batches.append(batch)
        log.acknowledge(batch)
    assert [(list(b.rows["request_id"]), b.again) for b in batches] == [(["q1", "q2"], True), (["q3"], False)]


MALFORMED: dict[str, bytes] = {
    "cut": line(7)[:40].encode() + b"\n",
    "no JSON": b"what is this\n",
    "no object": b"[1, 2]\n5\nnull\n",
    "no UTF-8": line(7).encode().replace(b"EWR", b"\xff\xfe"),
    "milliseconds": line(7).encode().replace(b"1360000000.0", b"1360000000000.0"),
    "the year 9999": line(7).encode().replace(b"1360000000.0", b"253370764800.0"),
    "1970": line(7).encode().replace(b"1360000000.0", b"0"),
    "negative": line(7).encode().replace(b"1360000000.0", b"-1e18"),
    "a time that is text": line(7).encode().replace(b"1360000000.0", b'"yesterday"'),
    "a time that is null": line(7).encode().replace(b"1360000000.0", b"null"),
    "a time that is true": line(7).encode().replace(b"1360000000.0", b"true"),
    "overflow": line(7).encode().replace(b'"prediction": 1.0', b'"prediction": 1e999'),
    "a huge number": line(7).encode().replace(b'"prediction": 1.0', b'"prediction": ' + b"9" * 5000),
    "NaN": line(7).encode().replace(b'"prediction": 1.0', b'"prediction": NaN'),
    "logged in the year 50000": line(7).encode().replace(b'"logged_at": 1360000000.5', b'"logged_at": 1e13'),
    "logged in two days and more": line(7).encode().replace(b'"logged_at": 1360000000.5', b'"logged_at": 4e9'),
    "text for a number": line(7, temp="warm").encode(),
    "a number for text": line(7, kind=5).encode(),
    "an object for text": line(7, kind={"a": [1]}).encode(),
    "an unknown release": line(7).encode().replace(b"r0001", b"r9999"),
    "a field of the record absent": line(7).encode().replace(b'"scores": [0.5], ', b""),
    "inputs that are a list": line(7).encode().replace(b'"inputs": {', b'"inputs": [1], "other": {'),
    "nested deeply": b"[" * 20_000 + b"\n",
    "half a surrogate pair": line(7).encode().replace(b"EWR", b"\\ud800"),
    "zeros of a lost page": b"\0" * 500 + b"\n",
    "a duplicate": line(1).encode(),
    "as long as the disk": b"x" * 200_000 + b"\n",
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_record_that_cannot_be_read_is_kept_aside_and_stops_nothing(tmp_path: Path, what: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(line(1).encode() + MALFORMED[what] + line(3).encode())
    log = spool(tmp_path)
    (batch,) = log.unshipped()
    assert list(batch.rows["request_id"]) == ["q1", "q3"]
    pa.Table.from_pandas(batch.rows, schema=pa.Schema.from_pandas(batch.rows))
    log.acknowledge(batch)
    aside = UnreadableRecords(tmp_path / "aside", "log")
    lines = [text for text in MALFORMED[what].splitlines() if text.strip(b"\0")]
    assert aside.count() == len(aside.newest()) == len(lines)
    assert all(record.source.startswith("a.jsonl:") and record.reason for record in aside.newest())
    assert all(len(record.text) <= 4 * 4096 for record in aside.newest())
    assert ids(log) == []


@given(st.lists(st.sampled_from([*MALFORMED, "good"]) | st.binary(max_size=60), max_size=12))
def test_everything_readable_around_what_is_not_arrives(parts: list[str | bytes]) -> None:
    content, wanted = b"", []
    for number, part in enumerate(parts, start=100):
        if part == "good":
            content += line(number).encode()
            wanted.append(f"q{number}")
        else:
            content += MALFORMED[part] if isinstance(part, str) else part.replace(b"\n", b"") + b"\n"
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "a.jsonl").write_bytes(content)
        log = spool(Path(directory))
        rows = []
        for batch in log.unshipped():
            rows += list(batch.rows["request_id"])
            log.acknowledge(batch)
    assert [i for i in rows if i != "q1"] == wanted  # q1 is what the duplicate is of
    assert rows.count("q1") == min(1, parts.count("a duplicate"))


def test_a_record_of_an_older_or_newer_version_of_the_use_case_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    record = json.loads(line(1))
    older = {**record, "features": {"origin": "EWR"}, "inputs": {"at": 1360000000.0}}
    older = {name: value for name, value in older.items() if name not in ("latency_ms", "probability", "missing")}
    newer = json.loads(line(2, brand_new=[1])) | {"fallback": True, "tenant": {"a": 1}}
    newer["inputs"] |= {"another": "field"}
    (tmp_path / "a.jsonl").write_text(json.dumps(older) + "\n" + json.dumps(newer) + "\n")
    (batch,) = spool(tmp_path).unshipped()
    assert list(batch.rows["request_id"]) == ["q1", "q2"]
    assert batch.rows["origin"].tolist() == [None, "EWR"]
    assert (batch.rows["missing"].tolist(), batch.unreadable) == ([0, 1], ())
    assert str(batch.rows["latency_ms"].dtype) == "float64"


def test_what_could_not_be_looked_up_is_a_column_of_its_own(tmp_path: Path) -> None:
    record = json.loads(line(1)) | {"unavailable": ["aircraft", "weather"], "missing": []}
    (tmp_path / "a.jsonl").write_text(json.dumps(record) + "\n" + line(2))
    (batch,) = spool(tmp_path).unshipped()
    assert (batch.rows["missing"].tolist(), batch.rows["unavailable"].tolist()) == ([0, 1], [2, 0])


def test_what_the_log_says_that_it_lacks_is_no_row_and_nothing_unreadable(tmp_path: Path) -> None:
    hours = {1360000000: 2, 1360003600: 1, 1363000000: 1}  # of February, February and March
    lost = [{"release": "r0001", "hour": hour, "rows": rows} for hour, rows in hours.items()]
    gap = json.dumps({"gap": {"since": FIRST, "until": 1.4e9, "reason": "no space", "lost": lost}}) + "\n"
    broken = gap.replace("1363000000", "null")
    (tmp_path / "a.jsonl").write_text(line(1) + gap + line(2) + broken)
    (batch,) = spool(tmp_path).unshipped()
    assert list(batch.rows["request_id"]) == ["q1", "q2"]
    assert [(one.release, one.period, one.rows) for one in batch.lost] == [
        ("r0001", "2013-02", 3),
        ("r0001", "2013-03", 1),
    ]
    assert {one.source for one in batch.lost} == {f"a.jsonl:{len(line(1))}"}
    assert (batch.lost[0].until - batch.lost[0].since).total_seconds() == 1.4e9 - FIRST
    assert len(batch.unreadable) == 1


@pytest.mark.parametrize(
    "of",
    [
        {"rows": 10**30}, {"rows": 2**63}, {"rows": -5}, {"rows": 0}, {"rows": True}, {"rows": 1.5},
        {"hour": True}, {"hour": 1e300}, {"hour": 1360000000000}, {"hour": 0}, {"hour": 253370764800},
        {"release": ""}, {"release": [1]},
    ],
)  # fmt: skip
def test_a_gap_that_no_table_can_hold_is_kept_aside_and_stops_nothing(tmp_path: Path, of: dict[str, object]) -> None:
    lost = [{"release": "r0001", "hour": 1360000000, "rows": 2} | of]
    gap = json.dumps({"gap": {"since": FIRST, "until": FIRST + 1e8, "reason": "no space", "lost": lost}}) + "\n"
    (tmp_path / "a.jsonl").write_text(line(1) + gap + line(2))
    (batch,) = spool(tmp_path).unshipped()
    assert (list(batch.rows["request_id"]), batch.lost, len(batch.unreadable)) == (["q1", "q2"], (), 1)


def test_a_record_that_a_cut_line_swallowed_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(line(1)[:70] + line(2) + line(3))
    (batch,) = spool(tmp_path).unshipped()
    assert (list(batch.rows["request_id"]), len(batch.unreadable)) == (["q2", "q3"], 1)


def test_a_line_longer_than_a_batch_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction_log, "BATCH_BYTES", 1000)
    (tmp_path / "a.jsonl").write_text(line(1) + "x" * 5000 + "\n" + line(3))
    log = spool(tmp_path)
    rows = []
    for batch in log.unshipped():
        rows += list(batch.rows["request_id"])
        log.acknowledge(batch)
    assert rows == ["q1", "q3"]
    assert UnreadableRecords(tmp_path / "aside", "log").count() == 1


def test_what_is_kept_aside_is_bounded_and_a_repetition_adds_nothing(tmp_path: Path) -> None:
    aside = UnreadableRecords(tmp_path, "log")
    records = [UnreadableRecord.of(f"a.jsonl:{n}", "why", b"\xff" * 9000) for n in range(900)]
    for begin in range(0, 900, 100):
        assert aside.keep(records[begin : begin + 100]) == 100
        assert aside.keep(records[begin : begin + 100]) == 0
    assert aside.count() == 900
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 2 * unreadable_records.KEPT_BYTES
    assert aside.newest()[-1] == records[-1]


def test_only_lines_that_nobody_could_read_are_a_batch_without_rows(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"   \nwhat\n")
    (batch,) = spool(tmp_path).unshipped()
    assert (len(batch.rows), len(batch.unreadable)) == (0, 1)
    assert str(batch.rows["at"].dtype) == "datetime64[us, UTC]"


def test_two_shipments_at_once_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(line(1))
    shipment = spool(tmp_path).unshipped()
    next(shipment)
    with pytest.raises(LockHeldError, match="another task already ships"):
        next(spool(tmp_path).unshipped())
    shipment.close()


def test_no_spool_no_rows(tmp_path: Path) -> None:
    assert ids(spool(tmp_path / "none")) == []


@pytest.mark.parametrize("note", [".acknowledged.json", ".in_flight.json"])
@pytest.mark.parametrize("damage", [b"", b"\0\0\0", b"[1]", b'{"a.jsonl": 4', b"\xff"])
def test_a_damaged_note_is_read_from_its_copy(tmp_path: Path, note: str, damage: bytes) -> None:
    file, log = tmp_path / "a.jsonl", spool(tmp_path)
    file.write_text(line(1))
    for batch in log.unshipped():
        log.acknowledge(batch)
    (tmp_path / note).write_bytes(damage)
    file.write_text(line(1) + line(2))
    assert [(batch.again, list(batch.rows["request_id"])) for batch in log.unshipped()] == [(False, ["q2"])]


@pytest.mark.parametrize("left", [0, 1, 60, 400])
@pytest.mark.parametrize("grown", [0, 3])
def test_a_spool_that_was_cut_is_said_and_what_comes_later_is_shipped(tmp_path: Path, left: int, grown: int) -> None:
    file, log = tmp_path / "a.jsonl", spool(tmp_path)
    file.write_text("".join(line(number) for number in range(1, 4)))
    for batch in log.unshipped():
        log.acknowledge(batch)
    new = [f"q{number}" for number in range(10, 10 + grown)]
    file.write_bytes(file.read_bytes()[:left] + "".join(f"\n{line(int(name[1:]))}" for name in new).encode())
    batches = []
    for batch in log.unshipped():
        batches.append(batch)
        log.acknowledge(batch)
    assert all(batch.again for batch in batches)
    assert set(new) <= {i for batch in batches for i in batch.rows["request_id"]}
    assert ids(log) == []
    kept = UnreadableRecords(tmp_path / "aside", "log").newest()
    assert [record for record in kept if "the spool was cut" in record.reason]


@pytest.mark.parametrize("note", [".acknowledged.json", ".in_flight.json"])
@pytest.mark.parametrize("damage", [b"", b"\0\0\0", b"[1]", b'{"a.jsonl": "far"}', b"\xff"])
def test_a_damaged_note_of_the_position_loses_nothing_and_what_may_be_shipped_says_so(
    tmp_path: Path, note: str, damage: bytes
) -> None:
    file, log = tmp_path / "a.jsonl", spool(tmp_path)
    file.write_text(line(1))
    for batch in log.unshipped():
        log.acknowledge(batch)
    (tmp_path / note).write_bytes(damage)
    copy_of(tmp_path / note).unlink()
    file.write_text(line(1) + line(2))
    batches = []
    for batch in log.unshipped():
        batches.append(batch)
        log.acknowledge(batch)
    assert all(batch.again for batch in batches)
    expected = ["q1", "q2"] if note == ".acknowledged.json" else ["q2"]
    assert [i for batch in batches for i in batch.rows["request_id"]] == expected
    assert ids(log) == []
