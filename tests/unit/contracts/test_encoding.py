"""The one encoding: a row alone is encoded as among others, from lists as from arrays."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from include.contracts.encoding import NO_WORD, UNKNOWN_CATEGORY, UNKNOWN_WORD, Encoding

ENTRIES = [
    {"name": "note", "kind": "text", "categories": None, "vocabulary": ["late", "rain"], "length": 3},
    {"name": "temp", "kind": "numeric", "categories": None},
    {"name": "carrier", "kind": "categorical", "categories": ["AA", "UA"]},
    {"name": "speed", "kind": "numeric", "categories": None},
]
ENCODING = Encoding(ENTRIES)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "note": st.one_of(st.none(), st.text(alphabet="late rain", max_size=12)),
            "temp": st.one_of(st.none(), st.floats(-1e6, 1e6)),
            "carrier": st.sampled_from(["AA", "UA", "XX", None]),
            "speed": st.floats(-1e6, 1e6),
        }
    ),
    min_size=1,
    max_size=6,
)


def columns(rows: list[dict]) -> dict[str, list]:
    return {entry["name"]: [row[entry["name"]] for row in rows] for entry in ENTRIES}


@given(ROWS)
def test_a_row_is_encoded_alone_as_among_others(rows: list[dict]) -> None:
    together = ENCODING.encode(columns(rows))
    assert (together.shape, together.dtype) == ((len(rows), 6), np.float32)
    np.testing.assert_array_equal(together, np.vstack([ENCODING.encode(columns([row])) for row in rows]))


@given(ROWS)
def test_lists_and_arrays_are_encoded_alike(rows: list[dict]) -> None:
    kinds = {"note": object, "temp": np.float64, "carrier": object, "speed": np.float64}
    arrays = {name: np.array(values, dtype=kinds[name]) for name, values in columns(rows).items()}
    np.testing.assert_array_equal(ENCODING.encode(columns(rows)), ENCODING.encode(arrays))


def test_words_categories_and_numbers_have_their_columns() -> None:
    row = {"note": "Rain, SNOW", "temp": None, "carrier": "XX", "speed": 2}
    expected = [3, UNKNOWN_WORD, NO_WORD, np.nan, UNKNOWN_CATEGORY, 2]
    np.testing.assert_array_equal(ENCODING.encode(columns([row])), np.array([expected], dtype=np.float32))


def test_a_model_without_numbers_is_encoded_too() -> None:
    assert Encoding(ENTRIES[:1]).encode({"note": ["late late late late"]}).tolist() == [[2, 2, 2]]
