"""A small set of combinations in which every pair of values of two factors is met; the same one every time."""

from collections.abc import Mapping, Sequence
from itertools import combinations, product

Row = dict[str, str]
Pair = tuple[tuple[str, str], tuple[str, str]]


def cover(factors: Mapping[str, Sequence[str]]) -> list[Row]:
    """Greedy: each row meets as many pairs that no row before met as a row that begins with an unmet pair can."""
    unmet = {pair for one, other in combinations(factors, 2) for pair in _pairs_of(factors, one, other)}
    rows = list[Row]()
    while unmet:
        row = dict(min(unmet))
        for name in sorted(set(factors) - set(row)):
            row[name] = min(factors[name], key=lambda value, name=name: (-_met(row | {name: value}, unmet), value))
        rows.append({name: row[name] for name in factors})
        unmet -= pairs(row)
    return rows


def pairs(row: Mapping[str, str]) -> set[Pair]:
    """The pairs that a combination meets."""
    return set(combinations(sorted(row.items()), 2))


def _pairs_of(factors: Mapping[str, Sequence[str]], one: str, other: str) -> list[Pair]:
    first, second = sorted((one, other))
    return [((first, a), (second, b)) for a, b in product(factors[first], factors[second])]


def _met(row: Mapping[str, str], unmet: set[Pair]) -> int:
    return len(pairs(row) & unmet)
