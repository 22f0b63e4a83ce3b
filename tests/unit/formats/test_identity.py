"""Identities of several parts are unambiguous: equal only for equal parts, whatever stands in them."""

from hypothesis import given
from hypothesis import strategies as st

from include.formats.identity import digest, in_paths, joined
from include.streaming.events import _name

part = st.text(alphabet='ab|/-:\n"\\,[] é0', max_size=4)
parts = st.lists(part, min_size=2, max_size=3)


@given(parts, parts)
def test_identities_of_several_parts_are_unambiguous(one: list[str], other: list[str]) -> None:
    assert (joined(one) == joined(other)) == (one == other)
    assert (digest(one) == digest(other)) == (one == other)


@given(st.tuples(part, part), st.tuples(part, part))
def test_stream_ids_of_two_columns_are_unambiguous(one: tuple[str, str], other: tuple[str, str]) -> None:
    names = [_name(dict(zip("ab", pair, strict=True)), ["a", "b"]) for pair in (one, other)]
    assert (names[0] == names[1]) == (one == other)


def test_an_identity_of_one_part_is_that_part() -> None:
    assert joined(["JFK|2013"]) == "JFK|2013"


@given(part, part)
def test_names_in_paths_are_unambiguous(one: str, other: str) -> None:
    assert (in_paths(one) == in_paths(other)) == (one == other)
    assert "/" not in in_paths(one)
    assert len(in_paths("x" * 250)) < 120
