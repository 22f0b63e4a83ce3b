"""Fields of requests, read for a whole batch."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.contracts.request_rules import Times
from tests.unit.deployment.serving_code import served

FIRST = 1.3e9
FIELDS = served("request_fields").RequestFields(
    {"name": "string", "at": "timestamp", "pixels": "float"},
    {"name": ["name"], "at": ["at"], "pixels": ["pixels_0", "pixels_1"]},
    "at",
    Times(FIRST, lead_hours=2),
)
ROW = st.tuples(
    st.text(min_size=1, max_size=9),
    st.floats(FIRST, 1.7e9),
    st.tuples(st.floats(-9, 9, width=32), st.floats(0, 1, width=32)),
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
    fields, sizes, missing = FIELDS.read([sent(rows) for rows in requests])
    assert missing == set()
    rows = [row for request in requests for row in request]
    assert sizes == [len(request) for request in requests]
    assert fields["name"].tolist() == [name for name, _, _ in rows]
    assert fields["at"].tolist() == [at for _, at, _ in rows]
    assert fields["pixels"].tolist() == [list(pixels) for _, _, pixels in rows]
    assert fields["pixels"].dtype == np.float64


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"at": np.array([[-np.inf]])}, "row 0: request field 'at' must be finite"),
        ({"pixels": np.array([[np.inf, np.nan]], np.float32)}, "row 0: request field 'pixels' must be finite"),
        ({"name": np.array([[b"\xff"]], dtype=object)}, "input 'name' cannot be decoded as UTF-8"),
        ({"pixels": np.zeros((2, 2), np.float32)}, "same number of rows"),
        ({"at": np.zeros((0, 1))}, "same number of rows"),
    ],
)
def test_what_is_wrong_is_told_by_the_field(change: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        FIELDS.read([sent([("a", FIRST, (0.0, 0.0))]) | change])


@pytest.mark.parametrize(
    ("at", "hint"),
    [
        (1.36e12, "; is it in milliseconds?"),
        (1.36e15, "; is it in microseconds?"),
        (1.36e18, "; is it in nanoseconds?"),
        (0.0, ""),
        (-1.0, ""),
        (FIRST - 1, ""),
        (253370764800.0, ""),  # the year 9999
        pytest.param(time.time() + 27 * 3600, "", id="27 hours ahead"),  # workers compare names
        (1e300, ""),
    ],
)
def test_a_time_out_of_its_bounds_is_refused_with_field_value_bounds_and_unit(at: float, hint: str) -> None:
    good = ("a", FIRST, (0.0, 0.0))
    with pytest.raises(ValueError, match=r"row 1: request field 'at' is out of its bounds: .* is not from ") as told:
        FIELDS.read([sent([good, ("a", at, (0.0, 0.0)), good])])
    assert f"{at:.15g} is not from 1300000000 (2011-03-13) to " in str(told.value)
    assert str(told.value).endswith(hint or ")")


def test_a_time_up_to_its_lead_and_a_day_ahead_is_taken() -> None:
    FIELDS.read([sent([("a", time.time() + 25 * 3600, (0.0, 0.0))])])


def test_what_is_left_out_null_or_nan_is_missing_in_one_way() -> None:
    whole = sent([("a", FIRST, (0.0, 0.5)), ("b", FIRST, (1.0, 1.0))])
    for change in (
        {"name": np.array([[b""], [b""]], dtype=object), "pixels": np.full((2, 2), np.nan, np.float32)},
        {"name": None, "pixels": None},
    ):
        asked = {name: values for name, values in (whole | change).items() if values is not None}
        fields, sizes, missing = FIELDS.read([asked, whole])
        assert (sizes, missing) == ([2, 2], {"name", "pixels"})
        assert fields["name"].tolist() == [None, None, "a", "b"]
        assert np.isnan(fields["pixels"]).all(axis=1).tolist() == [True, True, False, False]


def test_a_request_without_rows_takes_no_other_along() -> None:
    none = {name: values[:0] for name, values in sent([("a", FIRST, (0.0, 0.0))]).items()}
    fields, sizes, _ = FIELDS.read([none, sent([("a", FIRST, (0.0, 0.0))]), none])
    assert (sizes, fields["name"].tolist()) == ([0, 1, 0], ["a"])
    assert FIELDS.read([none])[1] == [0]
