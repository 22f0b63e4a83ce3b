"""Keys of entities in requests: of the declared type, or refused by row and field."""

import numpy as np
import pytest

from include.contracts.request_rules import rules_of

MANIFEST = {
    "request": {"machine": "string", "part": "string", "place": "string"},
    "views": {
        "machines": {"key": "machine", "key_type": "Int64"},
        "parts": {"key": "part", "key_type": "Int32"},
        "places": {"key": "place", "key_type": "String"},
    },
}


def column(*texts: str | None) -> np.ndarray:
    values = np.empty(len(texts), dtype=object)
    values[:] = texts
    return values


@pytest.mark.parametrize("text", ["0", "-1", "9007199254740993", str(2**63 - 1), str(-(2**63)), None, ""])
def test_a_whole_number_of_its_entity_s_type_is_a_key(text: str | None) -> None:
    rules_of(MANIFEST).refuse_keys({"machine": column("1", text), "part": column("1", "2"), "place": column("x", "y")})


WRONG = [
    "007", "-0", "+1", "1.0", "1e3", " 1", "1\n", "1_000", "\u0661", "x", str(2**63), str(-(2**63) - 1), "9" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG, ids=repr)
def test_a_key_that_is_not_of_its_entity_s_type_is_refused_without_its_value(text: str) -> None:
    fields = {"machine": column("1", text), "part": column("1", None), "place": column(text, text)}
    words = "request field 'machine' must be a whole number from -9223372036854775808 to 9223372036854775807, as text"
    with pytest.raises(ValueError, match=f"row 8: {words}") as refused:
        rules_of(MANIFEST).refuse_keys(fields, [3, 8])
    assert len(str(refused.value)) < 250
    assert rules_of(MANIFEST).reasons(fields)[0] == ""
    assert rules_of(MANIFEST, needs_keys=False).reasons(fields).tolist() == ["", ""]


def test_the_bounds_of_a_key_are_those_of_its_type() -> None:
    with pytest.raises(ValueError, match="row 0: request field 'part' must be a whole number from -2147483648 to"):
        rules_of(MANIFEST).refuse_keys({"machine": column("1"), "part": column(str(2**31)), "place": column("")})
