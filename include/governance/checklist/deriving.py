"""Derives the state of every item from the facts: one small function per item, below ``rules``."""

from collections.abc import Callable, Mapping

from include.contracts.checklist import ItemState
from include.governance.checklist.facts import Facts, Found
from include.governance.checklist.items import items

Rule = Callable[[Facts], Mapping[str, Found]]
"""Facts → point of the item → its evidence."""
RULES: dict[int, Rule] = {}


def derives(number: int) -> Callable[[Rule], Rule]:
    """The function has the evidence of this item."""

    def register(rule: Rule) -> Rule:
        RULES[number] = rule
        return rule

    return register


def states(facts: Facts) -> dict[int, ItemState]:
    """Every item by its number; a point that its rule does not name has no evidence."""
    return {number: _state(number, item.points, facts) for number, item in items().items()}


def _state(number: int, points: Mapping[str, object], facts: Facts) -> ItemState:
    found = RULES[number](facts)
    return ItemState(number=number, points=[found.get(key, Found()).point(key) for key in points])
