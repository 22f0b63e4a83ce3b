"""The search that proves: what is there is found, wherever it stands; what is not there is not."""

import gzip
import json
import random
import string
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.governance import traces
from include.governance.traces import Matcher

SECRETS = ["N14228", "N24211", "Müller, Anna", "+49 170 5550123", "a@b.org"]


@pytest.mark.parametrize("value", SECRETS)
@pytest.mark.parametrize("around", [b"%s", b"xx %s yy", b'{"tail":"%s"}', b"\x00\x06%s\xff", b"a,%s,b"])
def test_a_value_is_found_whatever_stands_around_it(value: str, around: bytes) -> None:
    assert Matcher(SECRETS).found(around % value.encode()) == {value.encode()}


def test_it_agrees_with_a_plain_search_on_random_text() -> None:
    dice = random.Random(3)
    letters = "ab"
    values = {"".join(dice.choices(letters, k=dice.randint(8, 12))) for _ in range(300)}
    text = "".join(dice.choices(letters, k=20_000)).encode()
    assert Matcher(values).found(text) == {v.encode() for v in values if v.encode() in text} != set()


def test_a_short_value_counts_only_where_it_stands_alone() -> None:
    matcher = Matcher(["N1234"])
    assert matcher.found(b"tail N1234.") == {b"N1234"}
    assert matcher.found(b"UN12345 N12345 XN1234") == set()


def test_values_too_short_to_search_are_counted_not_forgotten() -> None:
    matcher = Matcher(["42", "N1", "N14228"])
    assert matcher.short == 2
    assert matcher.found(b"42 N1") == set()


def test_a_border_of_two_pieces_hides_nothing() -> None:
    matcher = Matcher(SECRETS)
    text = ("." * 50 + "Müller, Anna" + "." * 50).encode()
    for cut in range(45, 70):
        assert matcher.found_in(iter([text[:cut], text[cut:]])) == {"Müller, Anna".encode()}


def test_json_writes_letters_in_another_way_and_they_are_found(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(json.dumps({"name": "Müller, Anna"}))
    assert [f.values for f in traces.search(tmp_path, Matcher(SECRETS))] == [1]


def _parquet(path: Path, **columns: list) -> None:
    pq.write_table(pa.table(columns), path)


def test_every_kind_of_file_is_searched_and_told_by_place_and_count(tmp_path: Path) -> None:
    for room in ("lake", "logs", "packed", "raw"):
        (tmp_path / room).mkdir()
    _parquet(tmp_path / "lake" / "a.parquet", tail=["N14228", "N24211", None], other=["x", "y", "z"])
    _parquet(tmp_path / "lake" / "clean.parquet", tail=["k01:" + "0" * 24], at=[1.5])
    (tmp_path / "logs" / "task.log").write_bytes(b"\xff\x00 row N14228 \n")
    with gzip.open(tmp_path / "packed" / "old.log.gz", "wb") as packed:
        packed.write(b"...N24211...")
    with zipfile.ZipFile(tmp_path / "packed" / "z.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.csv", "a,N24211\n" * 100)
    (tmp_path / "raw" / "source.csv").write_text("N14228")
    found = traces.search(tmp_path, Matcher(SECRETS), skip={"raw"})
    told = [(str(f.file.relative_to(tmp_path)), f.column, f.values) for f in found]
    assert told == [
        ("lake/a.parquet", "tail", 2),
        ("logs/task.log", "", 1),
        ("packed/old.log.gz", "", 1),
        ("packed/z.zip", "", 1),
    ]
    assert not any(secret in str(found) for secret in SECRETS)


def test_a_short_value_is_found_in_a_column_of_its_name(tmp_path: Path) -> None:
    _parquet(tmp_path / "a.parquet", age=[42, 7], seats=[42, 42])
    assert [(f.column, f.values) for f in traces.search(tmp_path, Matcher(["42"]), {"age"})] == [("age", 1)]


def test_a_file_that_is_no_parquet_is_searched_as_bytes(tmp_path: Path) -> None:
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 N14228 ")
    assert [f.values for f in traces.search(tmp_path, Matcher(SECRETS))] == [1]


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("".join(random.Random(1).choices(string.printable, k=100_000)))
    assert traces.search(tmp_path, Matcher(SECRETS)) == []
    assert Matcher([]).found(b"anything at all") == set()


def test_what_goes_away_or_is_half_written_meanwhile_stops_no_search(tmp_path: Path) -> None:
    packed = gzip.compress(f"{'.' * 100_000}{SECRETS[0]}".encode())
    (tmp_path / "log.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "half.zip").write_bytes(b"PK\x03\x04 N14228 " + b"\x00" * 40)
    assert [f.file.name for f in traces.search(tmp_path, Matcher(SECRETS))] == ["half.zip"]

    leaving = tmp_path / "staging" / "run"
    leaving.mkdir(parents=True)
    listed = traces.files(tmp_path)
    walked = traces._below(tmp_path / "staging")
    leaving.rmdir()
    assert list(walked) == []
    (tmp_path / "half.zip").unlink()
    assert [traces.search_file(file, Matcher(SECRETS)) for file in listed] == [[], []]


def test_letters_of_every_alphabet_make_a_short_value_part_of_another_word() -> None:
    matcher = Matcher(["Bjørn", "N1234"])
    assert matcher.found("Bjørnö N1234é ЖN1234".encode()) == set()
    assert matcher.found("“Bjørn” \u00a0N1234—".encode()) == {"Bjørn".encode(), b"N1234"}


def test_values_that_are_not_to_be_found_anywhere_are_compared_whole(tmp_path: Path) -> None:
    _parquet(tmp_path / "a.parquet", tail=["N14228 of mine"], other=["x"])
    _parquet(tmp_path / "b.parquet", tail=["N14228"], other=["x"])
    matcher = Matcher(["N14228", "N24211"], anywhere=["N24211"])
    assert [f.file.name for f in traces.search(tmp_path, matcher, ["tail"])] == ["b.parquet"]
    assert matcher.found(b"N14228 N24211") == {b"N24211"}
