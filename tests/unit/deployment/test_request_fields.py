"""Fields of requests, read for a whole batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.deployment.serving_code import served

FIELDS = served("request_fields").RequestFields(
    {"name": "string", "at": "timestamp", "pixels": "float"},
    {"name": ["name"], "at": ["at"], "pixels": ["pixels_0", "pixels_1"]},
)
ROW = st.tuples(
    st.text(max_size=9), st.floats(-1e9, 1e9), st.tuples(st.floats(-9, 9, width=32), st.floats(0, 1, width=32))
)


def sent(rows: list[tuple]) -> dict[str, np.ndarray]:
    names, at, pixels = zip(*rows, strict=True)
    return {
        "name": np.array([name.encode() for name in names], dtype=object).reshape(-1, 1),
        "at": np.array(at, dtype=np.float64).reshape(-1, 1),
        "pixels": np.array(pixels, dtype=np.float32),
    }


@given(st.lists(st.lists(ROW, min_size=1, max_size=4), min_size=1, max_size=5))
def test_a_batch_holds_the_rows_of_its_requests_in_order(requests: list[list[tuple]]) -> None:
    fields, sizes = FIELDS.read([sent(rows) for rows in requests])
    rows = [row for request in requests for row in request]
    assert sizes == [len(request) for request in requests]
    assert fields["name"].tolist() == [name for name, _, _ in rows]
    assert fields["at"].tolist() == [at for _, at, _ in rows]
    assert fields["pixels"].tolist() == [list(pixels) for _, _, pixels in rows]
    assert fields["pixels"].dtype == np.float64


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"at": np.array([[np.nan]])}, "input 'at' must be finite numbers; 1 are not"),
        ({"pixels": np.array([[np.inf, np.nan]], np.float32)}, "input 'pixels' must be finite numbers; 2 are not"),
        ({"name": np.array([[b"\xff"]], dtype=object)}, "input 'name' cannot be decoded as UTF-8"),
        ({"pixels": np.zeros((2, 2), np.float32)}, "same number of rows"),
        ({"at": np.zeros((0, 1))}, "at least one"),
    ],
)
def test_what_is_wrong_is_told_by_the_field(change: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        FIELDS.read([sent([("a", 1.0, (0.0, 0.0))]) | change])


def test_a_field_that_did_not_come_is_told() -> None:
    with pytest.raises(ValueError, match="input 'at' is missing"):
        FIELDS.read([{"name": np.array([[b"a"]], dtype=object)}])
