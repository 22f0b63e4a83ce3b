"""Who is named: a token anywhere, a value in clear in its own column only, whole, in any alphabet."""

import json
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from include.contracts.pseudonyms import KeyRing
from include.governance.mentions import Mentions, values_of

KEYS = KeyRing.parse("k01:aaaaaaaaaaaaaaaaaaaa")
ANNA = "Änne Müller"
CLEAR, TOKEN = Mentions([ANNA, "Anna"], "who"), Mentions([KEYS.token(ANNA)], "who")


def left(mentions: Mentions, **columns: list[Any]) -> list[int]:
    rows = pa.table({**columns, "row": list(range(len(next(iter(columns.values())))))})
    return mentions.without(rows)["row"].to_pylist()


def test_erasure_of_a_value_in_clear_leaves_other_peoples_texts_alone() -> None:
    who = ["Anna", "Annas", "Anna Schmidt", "Bo", None, ANNA, f"{ANNA}o"]
    note = ["Bo", "asked by Anna", "Anna", "Anna", "Anna", "", f"with {ANNA}"]
    assert left(CLEAR, who=who, note=note) == [1, 2, 3, 4, 6]


def test_erasure_finds_the_own_column_in_documents_within_documents() -> None:
    inner = json.dumps({"who": ANNA})
    content = [
        inner,
        json.dumps({"note": ANNA}),
        json.dumps({"row": [{"event": inner}]}),
        "{torn",
        None,
        json.dumps(ANNA),
    ]
    assert left(CLEAR, content=content) == [1, 3, 4, 5]


def test_a_token_is_found_in_any_text() -> None:
    token = KEYS.token(ANNA)
    text = [token, f"see {token}.", KEYS.token("Bo"), f"{token}0", f"x{token}", None, f"é{token}é"]
    assert left(TOKEN, text=text) == [2, 3, 4, 5]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    value=st.text(min_size=1, max_size=6).filter(str.strip), around=st.tuples(st.text(max_size=3), st.text(max_size=3))
)
def test_only_the_whole_value_is_the_subject_in_every_alphabet(value: str, around: tuple[str, str]) -> None:
    mentions, other = Mentions([value], "who"), value.join(around)
    kept = [row for row, text in enumerate([value, other]) if text != value]
    assert left(mentions, who=[value, other]) == kept
    for text in (value, other):
        line = json.dumps({"inputs": {"who": text}}).encode() + b"\n"
        assert mentions.blank(line) == (b" " * (len(line) - 1) + b"\n" if text == value else line)
        elsewhere = json.dumps({"inputs": {"note": text}}).encode()
        assert mentions.blank(elsewhere) == elsewhere


def test_values_of_a_column_are_found_at_any_depth() -> None:
    document = {"who": 1, "in": [{"who": "a"}, {"text": '{"who": "b"}'}, {"text": "[1"}], "else": "who"}
    assert list(values_of(document, "who")) == ["1", "a", "b"]
