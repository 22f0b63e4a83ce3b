"""Shipping the spool: whole lines, once, the same batch again until it is acknowledged."""

import json
from pathlib import Path

import pytest

from include.adapters.file_locks import FileLocks
from include.adapters.prediction_log import PredictionSpool
from include.errors import LockHeldError


def line(number: int, **features: object) -> str:
    record = {
        "request_id": f"q{number}", "logged_at": 1.5, "release": "r0001", "probability": 0.5, "prediction": 1.0,
        "scores": [0.5], "latency_ms": 1.0, "missing": ["weather"], "inputs": {"at": 1360000000.0, "origin": "EWR"},
        "features": {"origin": "EWR", "temp": None, "kind": None, **features},
    }  # fmt: skip
    return json.dumps(record) + "\n"


def spool(directory: Path) -> PredictionSpool:
    return PredictionSpool(
        directory,
        FileLocks(directory),
        {"at": ["at"], "origin": ["origin"]},
        ["origin", "temp", "kind"],
        "at",
        texts={"origin", "kind"},
    )


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
    inputs = {"at": ["at"], "origin": ["origin"], "pixels": ["pixels_00", "pixels_01"]}
    (batch,) = PredictionSpool(
        tmp_path, FileLocks(tmp_path), inputs, ["pixels_00", "pixels_01", "temp"], "at"
    ).unshipped()
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


def test_a_line_that_the_disk_cut_is_counted_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(line(1) + line(2)[:30] + "\n" + line(3))
    (batch,) = spool(tmp_path).unshipped()
    assert (list(batch.rows["request_id"]), batch.broken) == (["q1", "q3"], 1)


def test_two_shipments_at_once_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(line(1))
    shipment = spool(tmp_path).unshipped()
    next(shipment)
    with pytest.raises(LockHeldError, match="another task already ships"):
        next(spool(tmp_path).unshipped())
    shipment.close()


def test_no_spool_no_rows(tmp_path: Path) -> None:
    assert ids(spool(tmp_path / "none")) == []
