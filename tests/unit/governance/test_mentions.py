"""Who is named: a token anywhere, a value in clear in its own column only, whole, in any alphabet."""

import json
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from include.contracts.pseudonyms import KeyRing
from include.governance import erasure
from include.governance.mentions import Mentions, values_of

KEYS = KeyRing.parse("k01:aaaaaaaaaaaaaaaaaaaa")
ANNA = "Änne Müller"
CLEAR, TOKEN = Mentions([ANNA, "Anna"], "who"), Mentions([KEYS.token(ANNA)], "who")


def left(mentions: Mentions, **columns: Any) -> list[int]:
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


def test_the_own_column_is_found_however_json_writes_it_and_in_what_is_torn_or_surrounded() -> None:
    plain, escaped = (json.dumps({"who": ANNA}, ensure_ascii=ascii_only) for ascii_only in (False, True))
    lines = [
        plain, escaped, escaped.replace("\\u00c4", "\\u00C4"), plain[:-1], f"x{plain}", "\ufeff" + plain,
        '{"who": ["Anna"]}', json.dumps({"event": plain})[:-2], '{"who": "\\u0041nna"}',
    ]  # fmt: skip
    assert [CLEAR.blank(line.encode()).strip() for line in lines] == [b""] * len(lines)
    others = ['{"note": "Anna"', '{"who": "Annas"', '{"who": "Bo", "note": "Anna"', "who: Anna", '{"whom": "Anna"']
    assert [CLEAR.blank(line.encode()).decode() for line in others] == others


def test_a_key_of_the_online_store_is_the_subjects_only_under_its_own_column() -> None:
    def key(column: str) -> bytes:
        parts = [part for text in (column, "Anna") for part in (len(text).to_bytes(4, "little"), text.encode())]
        return b"\1\0\0\0\2\0\0\0" + parts[0] + parts[1] + b"\2\0\0\0" + parts[2] + parts[3]

    assert [CLEAR.blank(key(column)) == key(column) for column in ("who", "iwho", "whos")] == [False, True, True]


def test_texts_of_a_dictionary_are_texts() -> None:
    coded = pa.array([KEYS.token(ANNA), "Bo"]).dictionary_encode()
    assert left(TOKEN, text=coded) == [1]
    newer = KeyRing.parse("k01:aaaaaaaaaaaaaaaaaaaa,k02:bbbbbbbbbbbbbbbbbbbb")
    renewed = erasure.renewed(newer)(pa.table({"text": coded}))
    assert (renewed["text"].to_pylist(), renewed["text"].type) == ([newer.token(ANNA), "Bo"], coded.type)


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
