"""The combinations that the browser is shown meet every pair."""

from itertools import combinations, product

from tests.pairwise import cover, pairs

FACTORS = {
    "role": ["viewer", "engineer", "operator", "approver", "auditor", "admin"], "language": ["en", "ko"],
    "theme": ["light", "dark"], "width": ["390", "1280"],
}  # fmt: skip


def test_every_pair_is_met_by_few_rows() -> None:
    rows = cover(FACTORS)
    met = set().union(*(pairs(row) for row in rows))
    for one, other in combinations(FACTORS, 2):
        for values in product(FACTORS[one], FACTORS[other]):
            assert tuple(sorted(zip((one, other), values, strict=True))) in met
    assert len(rows) <= 14, "6 times 2 is the least"
    assert rows == cover(FACTORS), "the same one every time"
