"""Where the rule of each item registers: a small function that has the evidence of the item's points."""

from collections.abc import Callable, Mapping

from include.governance.checklist.facts import Facts, Found

Rule = Callable[[Facts], Mapping[str, Found]]
"""Facts → point of the item → its evidence."""
RULES: dict[int, Rule] = {}


def derives(number: int) -> Callable[[Rule], Rule]:
    """The function has the evidence of this item."""

    def register(rule: Rule) -> Rule:
        RULES[number] = rule
        return rule

    return register
