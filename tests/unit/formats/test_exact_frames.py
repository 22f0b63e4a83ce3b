"""Arrow's values are pandas' values."""

import pandas as pd
import pyarrow as pa
import pytest

from include.formats.exact_frames import NULLABLE, exact_frame


@pytest.mark.parametrize("kind", NULLABLE, ids=str)
def test_integers_with_gaps_stay_integers(kind: pa.DataType) -> None:
    large = 2**53 + 1 if kind in (pa.int64(), pa.uint64()) else 100
    rows = pa.table({"a": pa.array([large, None], kind), "b": pa.array([large, 1], kind), "c": [0.5, None]})
    frame = exact_frame(rows)
    assert frame["a"].tolist() == [large, pd.NA]
    assert (str(frame["b"].dtype), str(frame["c"].dtype)) == (str(kind), "float64")
    assert pa.Table.from_pandas(frame, preserve_index=False).equals(rows)
