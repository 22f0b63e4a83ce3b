"""What a period's tables must hold before they are published."""

from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.contracts.period import Period
from include.data.processing import check_labels, untranslated
from include.errors import DataError
from tests.unit.development.tasks import task_spec


@pytest.mark.parametrize(
    ("task", "labels"),
    [
        ("binary", pa.array([0, 1, 2, None])),
        ("binary", pa.array([1.0, 0.9])),
        ("binary", pa.array(["yes"])),
        ("multiclass", pa.array(["low", "Low"])),
        ("regression", pa.array(["12.5"])),
        ("regression", pa.array([2**53 + 1, None])),
    ],
)
def test_a_label_that_would_be_cast_is_not_published(task: str, labels: pa.Array, tmp_path: Path) -> None:
    pq.write_table(pa.table({"label": labels}), tmp_path / "events.parquet")
    with pytest.raises(DataError, match=r"events of 2013-04: .* labels 'label' cannot be used"):
        check_labels(task_spec(task), Period("2013-04"), tmp_path / "events.parquet")


def test_a_label_that_is_not_known_yet_is_left_empty(tmp_path: Path) -> None:
    pq.write_table(pa.table({"label": pa.array([None, True, False])}), tmp_path / "events.parquet")
    check_labels(task_spec("binary"), Period("2013-04"), tmp_path / "events.parquet")


def test_an_expression_that_duckdb_cannot_be_asked_is_said_before_there_are_rows() -> None:
    table = ibis.table({"read_at": "timestamp('UTC', 6)"}, name="readings")
    at = table.read_at.cast("timestamp('UTC')")
    assert "take the parts of a time from <column>.cast('timestamp')" in untranslated(table.select(hour=at.hour()))
    assert untranslated(table.select(hour=at.cast("timestamp").hour())) == ""
