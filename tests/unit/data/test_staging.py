"""Staging: replaced as a whole, and clear about what does not exist."""

from pathlib import Path

import pyarrow as pa
import pytest

from include.data import staging
from include.errors import NotFoundError


def test_a_part_is_replaced_as_a_whole(tmp_path: Path) -> None:
    staging.replace(tmp_path, staging.RAW, {"a": pa.table({"x": [1]}), "b": pa.table({"x": [1]})})
    assert staging.replace(tmp_path, staging.RAW, {"a": pa.table({"x": [1, 2]})}) == {"a": 2}
    assert staging.names(tmp_path, staging.RAW) == ["a"]
    assert staging.frame(tmp_path, staging.RAW, "a").x.tolist() == [1, 2]


def test_a_table_that_is_not_staged_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"raw/flights\.parquet does not exist"):
        staging.frame(tmp_path, staging.RAW, "flights")
