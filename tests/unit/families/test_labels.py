"""A label is taken exactly or refused by column, count and row: in every family, of every type, coded or not."""

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import DataError
from include.families.registry import family, label_codes
from tests.unit.development.tasks import CLASSES, task_spec

SPECS = {task: task_spec(task) for task in ("binary", "multiclass", "regression", "forecasting")}
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.sampled_from([*CLASSES, "0", "1"]),
    st.integers(-128, 300), st.sampled_from([0.0, 1.0, -1, 2, 0.9, 256]), st.decimals(allow_nan=False, places=2),
    st.datetimes().map(pd.Timestamp), st.binary(max_size=2),
)  # fmt: skip


def refused(task: str, values: Any) -> str:
    with pytest.raises(DataError) as error:
        label_codes(SPECS[task], pd.Series(values), "events of 2013-04")
    return str(error.value)


@pytest.mark.parametrize(
    ("values", "count", "kind"),
    [
        ([0, 1, 2], 1, "another number: 1"),
        ([-1, 0, 1], 1, "another number: 1"),
        ([0.9, 1.0, 0.1], 2, "another number: 2"),
        ([256, 0, 1], 1, "another number: 1"),
        (["yes", "no", "1"], 3, "text: 3"),
        ([True, None, 0], 1, "missing: 1"),
        ([0.0, np.nan, np.inf], 2, "another number: 1"),
        (pd.to_datetime(["2013-01-01"]), 1, "of type Timestamp: 1"),
    ],
    ids=str,
)
def test_a_binary_label_that_is_neither_0_nor_1_is_refused_by_name_and_count(
    values: Any, count: int, kind: str
) -> None:
    message = refused("binary", values)
    assert message.startswith(
        f"events of 2013-04: flight_delay: {count} of {len(values)} labels 'label' cannot be used"
    )
    assert kind in message
    assert "must be 0 or 1" in message


@pytest.mark.parametrize("task", ["regression", "forecasting"])
@pytest.mark.parametrize(
    "value", ["12.5", "yes", True, np.inf, 2**53 + 1, Decimal("0.1000000000000000055511"), pd.Timestamp(0), 1j], ids=str
)
def test_a_label_of_numbers_that_would_be_cast_or_rounded_is_refused(task: str, value: Any) -> None:
    assert "1 of 2 labels 'label' cannot be used" in refused(task, pd.Series([1.5, value], dtype=object))


@pytest.mark.parametrize("values", [["low", "lower"], ["low", "Low"], ["low", None], ["low", "low "], ["low", 0]])
def test_a_label_that_is_no_class_is_refused_and_its_value_is_not_shown(values: list) -> None:
    message = refused("multiclass", values)
    assert "1 of 2 labels" in message
    assert "the first in row 1" in message
    assert "'lower'" not in message


def test_a_missing_label_is_no_class_that_is_called_none() -> None:
    spec = task_spec("multiclass", event={"classes": ["None", "nan", "high"]})
    with pytest.raises(DataError, match="missing: 2"):
        family(spec).label_codes(spec, pd.Series([None, np.nan, "high"]))


@pytest.mark.parametrize("task", SPECS)
@given(values=st.lists(ANYTHING, min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_every_label_is_taken_exactly_or_refused(task: str, values: list) -> None:
    labels = pd.Series(values, dtype=object)
    try:
        codes = label_codes(SPECS[task], labels, "events").tolist()
    except DataError:
        return
    names = [CLASSES[code] for code in codes] if task == "multiclass" else codes
    assert names == [float(value) if isinstance(value, Decimal) else value for value in values]


@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32", "float64", "Int64", "boolean", "bool", "object"])
def test_the_same_labels_have_the_same_codes_in_every_type(dtype: str) -> None:
    coded = label_codes(SPECS["binary"], pd.Series([1, 0, 1], dtype=dtype), "events")
    assert (coded.tolist(), coded.dtype) == ([1, 0, 1], np.int8)


@pytest.mark.parametrize(("task", "code"), [("binary", 2), ("binary", -1), ("multiclass", 3), ("multiclass", 0.5)])
def test_a_code_that_is_none_of_the_task_is_no_truth(task: str, code: float) -> None:
    spec = SPECS[task]
    with pytest.raises(DataError, match="1 of 2 labels 'label' cannot be used"):
        family(spec).truth(spec, pd.DataFrame({"label": [0, code]}))
