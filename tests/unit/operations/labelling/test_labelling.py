from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import DataError
from include.families.registry import family
from include.formats.plain_text import markdown
from include.operations.labelling.labelling import CANNOT_TELL, LATER, OfferedRow, Selection, choices, labels, table
from include.operations.labelling.labelling_form import body, drawn, offered
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec
from tests.unit.operations.task_worlds import PIXELS, clustering, multiclass, regression

ASKING = {"labelling": {"strategy": "entropy", "rows": 5}}
BINARY, CLASSES, NUMBERS = small_spec(**ASKING), multiclass(n=20).spec, regression(n=20).spec
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def selection(count: int = 3) -> Selection:
    rows = [
        OfferedRow(event=f"f{i}", title=f"{i}. f{i}", answer="1 (40%)", uncertainty=0.5, shown="") for i in range(count)
    ]
    return Selection(usecase="u", name="2013-05-r1-ab", period="2013-05", release="r1", strategy="entropy", rows=rows)


@pytest.mark.parametrize(
    ("spec", "text", "label"),
    [(BINARY, "1", 1), (BINARY, "0", 0), (CLASSES, "2", "2"), (NUMBERS, "-3.5", -3.5), (NUMBERS, 4, 4.0)],
)
def test_an_answer_becomes_a_label_of_the_task(spec: UseCase, text: Any, label: Any) -> None:
    found = labels(spec, selection(), {"row_001": text, "row_002": LATER, "row_003": CANNOT_TELL})
    assert found == {"f0": label, "f2": None}
    assert type(found["f0"]) is type(label)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (BINARY, "2"),
        (BINARY, "yes"),
        (CLASSES, "7"),
        (NUMBERS, "nan"),
        (NUMBERS, "inf"),
        (NUMBERS, "warm"),
        (NUMBERS, True),
        (NUMBERS, "1_000"),
        (NUMBERS, "\N{FULLWIDTH DIGIT ONE}"),
        (NUMBERS, "9007199254740993"),
        (BINARY, True),
    ],
)
def test_what_is_no_label_is_refused_with_the_field_and_the_way_out(spec: UseCase, text: Any) -> None:
    with pytest.raises(DataError, match=r"row_002 must be .* nothing was stored: clear the form and answer again"):
        labels(spec, selection(), {"row_001": LATER, "row_002": text})


def test_a_field_of_another_form_is_refused() -> None:
    with pytest.raises(DataError, match=r"not \['row_004'\]"):
        labels(BINARY, selection(), {"row_004": "1"})


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["row_001", "row_002", "row_003"]),
        st.text("012(a é", max_size=3) | st.sampled_from([None, LATER, CANNOT_TELL]),
    )
)
def test_nothing_but_a_class_comes_back(filled: dict[str, Any]) -> None:
    try:
        found = labels(CLASSES, selection(), filled)
    except DataError:
        assert set(filled.values()) - {None, "", LATER, CANNOT_TELL, *choices(CLASSES)}
    else:
        assert set(found.values()) <= {*choices(CLASSES), None}


def test_labels_are_kept_under_the_names_of_the_use_case_with_who_and_why() -> None:
    rows = table(BINARY, selection(), {"f0": 1, "f2": None}, "ada", NOON).to_pylist()
    assert rows[0] == {
        "period": "2013-05", "flight_id": "f0", "late": 1, "label_timestamp": NOON, "given_by": "ada",
        "selection": "2013-05-r1-ab", "release": "r1", "strategy": "entropy", "uncertainty": 0.5,
    }  # fmt: skip
    assert rows[1]["late"] is None
    assert str(table(BINARY, selection(), {"f2": None}, "ada", NOON).schema.field("late").type) == "int64"


def test_a_clustering_has_no_table_of_labels() -> None:
    with pytest.raises(DataError, match="a clustering without labels"):
        table(clustering(n=20).spec, selection(), {}, "ada", NOON)


def test_a_picture_is_drawn_in_shades_with_its_missing_points() -> None:
    lines = drawn(np.array([[0.0, 8.0], [16.0, np.nan]])).splitlines()
    assert lines == ["`|\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}▒▒|`  ", "`|██??|`"]
    assert drawn(np.full((1, 2), np.nan)) == "(nothing is known)"
    assert drawn(np.array([1.0, 2.0, 3.0])).splitlines()[0] == "`▁▅█`"
    assert "8 numbers" in drawn(np.arange(8.0).reshape(2, 2, 2))
    assert drawn(np.full((1, 2), 5.0)) == "`|" + 4 * "\N{NO-BREAK SPACE}" + "|`"


def test_an_answer_is_said_in_words() -> None:
    assert family(BINARY).answer(BINARY, np.float64(0.62)) == "62% for 1"
    assert family(CLASSES).answer(CLASSES, np.array([0.2, 0.7, 0.1])) == "1 (70%), 0 (20%), 2 (10%)"
    assert family(NUMBERS).answer(NUMBERS, np.float64(71.238)) == "71.24"


def test_a_row_is_shown_by_what_may_be_seen() -> None:
    row = pd.Series(
        {"flight_id": "f7", "x": 1.23456789, "carrier": "U|A", **dict.fromkeys(PIXELS, 1.0), PIXELS[0]: 0.0}
    )
    one = offered(CLASSES, 1, row, np.array([0.2, 0.7, 0.1]), 0.5, ["flight_id", "x", "carrier", *PIXELS])
    assert one.title == "1. f7"
    assert "`|\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}██|`  \n`|████|`" in one.shown
    assert "| x | 1.23457 |" in one.shown
    assert "| carrier | U\\|A |" in one.shown
    hidden = offered(CLASSES, 1, row, np.array([0.2, 0.7, 0.1]), 0.5, ["carrier"])
    assert hidden.title == "1. row 1"
    assert hidden.event == "f7"
    assert "1.23" not in hidden.shown + hidden.title
    assert "█" not in hidden.shown


def test_the_form_tells_the_choices_and_every_row() -> None:
    text = body(CLASSES, selection())
    assert "one of 0, 1, 2" in text
    assert all(f"### {markdown(row.title)}" in text for row in selection().rows)
    assert "a number" in body(NUMBERS, selection())
