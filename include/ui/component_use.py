"""Whether the components of the standard were used here: by the evidence that the checklist shows, and by no other."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from include.contracts.checklist import Evidence, ItemState, Point
from include.governance.checklist.facts import Facts
from include.governance.checklist.items import Words, items
from include.governance.checklist.rules import states
from include.governance.standard.model import Component
from include.services import checklist
from include.services.composition import Services
from include.specification.loader import specifications

LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Use(NamedTuple):
    """Evidence that a component was used. ``item`` is the item of the checklist that says more.

    Titles of its points: ``never`` has those without evidence, ``absent`` those that the platform has nothing for.
    """

    item: int
    newest: Evidence | None
    used: tuple[Words, ...]
    never: tuple[Words, ...]
    absent: tuple[Words, ...]


class Record(NamedTuple):
    """``points``: ``<item>.<point>`` → what the checklist has of it. ``usecases``: those that serve come first, of
    each kind the one that wrote a table last; ``serving`` are those that serve. ``unread``: why no figure of Prometheus
    is evidence now; then nothing is said to have never been used.
    """

    points: Mapping[str, Point]
    usecases: Sequence[str] = ()
    serving: frozenset[str] = frozenset()
    unread: str = ""

    def use(self, components: Iterable[Component]) -> Use | None:
        """Of these components together; None when no point of the checklist is one of theirs, or it is not known."""
        keys = [key for one in components for name in one.points for key in named(name)]
        known = {key: self.points[key] for key in dict.fromkeys(keys) if key in self.points}
        every = [one for point in known.values() for one in point.evidence]
        if not known or (self.unread and not every):
            return None
        without = {key: point for key, point in known.items() if not point.evidence}
        return Use(
            int(next(iter(known)).partition(".")[0]),
            max(every, key=lambda one: one.at, default=None),
            tuple(title(key) for key in known if key not in without),
            tuple(title(key) for key, point in without.items() if there(point) and not self.unread),
            tuple(title(key) for key, point in without.items() if not there(point)),
        )

    def usecase(self, components: Iterable[Component], probed: Iterable[str] = ()) -> str:
        """The use case to look at for these components: of those with evidence the first, else the first that serves;
        '' without one.
        """
        names = set(probed)
        names |= {e.usecase for one in components for n in one.points for key in named(n) for e in self._evidence(key)}
        return next((name for name in self.usecases if name in (names & {*self.usecases} or self.serving)), "")

    def _evidence(self, key: str) -> list[Evidence]:
        return self.points[key].evidence if key in self.points else []


def there(point: Point) -> bool:
    """Whether the platform has anything for the point: what never ran is there too."""
    return bool(point.evidence or point.ways or point.needs)


def named(name: str) -> list[str]:
    """``<item>.<point>`` of a name that a component has."""
    item, _, point = name.partition(".")
    return [name] if point else [f"{item}.{key}" for key in items()[int(item)].points]


def title(key: str) -> Words:
    item, _, point = key.partition(".")
    return items()[int(item)].points[point]


def points(derived: Mapping[int, ItemState]) -> dict[str, Point]:
    return {f"{number}.{point.key}": point for number, one in derived.items() for point in one.points}


def recorded(services: Services) -> Record:
    """As of now, by the facts that the checklist is derived from."""
    facts = checklist.gather(services, specifications().good.values())
    serving = frozenset(name for name, one in facts.usecases.items() if services.serving.rollout_state(one.spec))
    return Record(points(states(facts)), ranked(facts, serving), serving, facts.unread)


def ranked(facts: Facts, serving: frozenset[str]) -> list[str]:
    """Use cases: what serves first, then what wrote last."""

    def rank(name: str) -> tuple[bool, datetime]:
        tables = facts.usecases[name].tables.values()
        return name in serving, max((head.at for head in tables), default=LONG_AGO)

    return sorted(facts.usecases, key=rank, reverse=True)
