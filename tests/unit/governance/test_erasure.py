"""Rewriting: the subject's rows go and nobody else's; tokens change their key and nothing else."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.contracts.pseudonyms import KeyRing
from include.formats import line_files
from include.governance import erasure
from include.governance.mentions import Mentions

OLD = KeyRing.parse("k01:aaaaaaaaaaaaaaaaaaaa")
NEW = KeyRing.parse("k01:aaaaaaaaaaaaaaaaaaaa,k02:bbbbbbbbbbbbbbbbbbbb")
MINE, THEIRS = OLD.token("mine"), OLD.token("theirs")


def rows() -> pa.Table:
    return pa.table(
        {
            "id": [1, 2, 3, 4],
            "tail": [MINE, THEIRS, None, ""],
            "row": [None, "{}", f'{{"tail":"{MINE}"}}', "N142281"],
            "period": [MINE] * 4,
        }
    )


def test_rows_that_name_the_subject_go_also_where_it_is_inside_a_text() -> None:
    assert Mentions([MINE], "tail").without(rows())["id"].to_pylist() == [2, 4]
    assert Mentions([], "tail").without(rows()).equals(rows())


def test_tokens_get_the_current_key_wherever_they_stand() -> None:
    after = erasure.renewed(NEW)(rows())
    assert after["tail"].to_pylist() == [NEW.token("mine"), NEW.token("theirs"), None, ""]
    assert after["row"][2].as_py() == f'{{"tail":"{NEW.token("mine")}"}}'
    assert after.schema == rows().schema
    assert erasure.renewed(NEW)(after).equals(after)


def test_a_token_of_an_unknown_key_stops_it() -> None:
    with pytest.raises(ValueError, match="k02, but the keys are"):
        erasure.renewed(OLD)(erasure.renewed(NEW)(rows()))


def test_only_files_that_change_are_replaced(tmp_path: Path) -> None:
    pq.write_table(rows(), tmp_path / "a.parquet")
    pq.write_table(rows().slice(1, 1), tmp_path / "b.parquet")
    before = (tmp_path / "b.parquet").stat().st_ino
    files = sorted(tmp_path.iterdir())
    assert list(erasure.rewrite_parquet(files, tmp_path, Mentions([MINE], "tail").without)) == [
        erasure.Changed("a.parquet", 4, 2)
    ]
    assert (tmp_path / "b.parquet").stat().st_ino == before
    assert sorted(tmp_path.iterdir()) == files
    assert list(erasure.rewrite_parquet(files, tmp_path, Mentions([MINE], "tail").without)) == []


def test_lines_are_blanked_where_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "spool.jsonl"
    file.write_text(f'{{"t":"{THEIRS}"}}\n{{"t":"{MINE}"}}\n{{"torn')
    size = file.stat().st_size
    assert line_files.edit_lines(file, Mentions([MINE], "tail").blank) == 1
    assert file.stat().st_size == size
    first, second, torn = file.read_text().split("\n")
    assert (THEIRS in first, second.strip(), torn) == (True, "", '{"torn')
    assert line_files.edit_lines(file, erasure.renew_line(NEW)) == 1
    assert NEW.token("theirs") in file.read_text()
