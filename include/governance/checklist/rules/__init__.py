"""Derives the state of every item from the facts; the modules beside have a rule for each item."""

from collections.abc import Collection

from include.contracts.checklist import ItemState
from include.governance.checklist.deriving import RULES
from include.governance.checklist.facts import NOTHING, Facts
from include.governance.checklist.items import items
from include.governance.checklist.rules import data, deployment, development, governance, operations  # noqa: F401


def states(facts: Facts) -> dict[int, ItemState]:
    """Every item by its number; a point that its rule does not name has no evidence."""
    return {number: _state(number, item.points, facts) for number, item in items().items()}


def _state(number: int, points: Collection[str], facts: Facts) -> ItemState:
    found = RULES[number](facts)
    return ItemState(number=number, points=[found.get(key, NOTHING).point(key) for key in points])
