"""The catalog of one use case: entries with meaning and owner, and their lineage.

``include/catalog/making.py`` builds it from the platform's records; nothing is entered by hand.
"""

from collections import Counter
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Literal, Self, get_args

from pydantic import Field

from include.contracts.period import Period
from include.contracts.record import Moment, Record
from include.errors import NotFoundError

Kind = Literal["source", "table", "column", "feature", "feature service", "dataset", "model", "release", "predictions"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FINE = ("column", "feature")
"""Kinds whose lineage goes from value to value; the others' goes from table to table."""


class VersionEntry(Record):
    """One version of something: its name, when it was made and what is in it."""

    name: str
    at: Moment | None = None
    detail: str = ""


class GateEntry(Record):
    """What a quality gate said last of one period of a table; ``failures`` have counts, never values."""

    gate: str
    period: Period
    passed: bool
    failures: list[str] = Field(default_factory=list)


class Entry(Record):
    """One thing in the catalog. ``id`` is a path: ``table/events``, ``table/events/tailnum``, ``model/3``."""

    id: str
    kind: Kind
    name: str
    meaning: str
    owner: str
    privacy: str
    type: str = ""
    facts: dict[str, str] = Field(default_factory=dict)
    versions: list[VersionEntry] = Field(default_factory=list)
    gates: list[GateEntry] = Field(default_factory=list)

    @property
    def parent(self) -> str:
        """The table or source of a column."""
        return self.id.rsplit("/", 1)[0]


class Edge(Record):
    """``target`` was made from ``source``; ``how`` names the record that says so."""

    source: str
    target: str
    how: str = ""


class Step(Record):
    """An entry on a way through the lineage, and how many edges away it is."""

    id: str
    distance: int


class Catalog(Record):
    """Entries and edges of one use case at one moment; ``notes`` say what could not be read."""

    usecase: str
    title: str
    made_at: Moment
    entries: list[Entry]
    edges: list[Edge]
    notes: list[str] = Field(default_factory=list)

    def entry(self, identity: str) -> Entry:
        """Raises NotFoundError, with the entries whose names are alike."""
        for one in self.entries:
            if one.id == identity:
                return one
        alike = get_close_matches(identity, [e.id for e in self.entries])
        raise NotFoundError(
            f"the catalog of {self.usecase} has no {identity!r}; similar: {', '.join(alike) or 'nothing'}. Search it"
        )

    def columns(self, identity: str) -> list[Entry]:
        """The columns of a table or source, in their order."""
        return [e for e in self.entries if e.kind == "column" and e.parent == identity]

    def search(self, text: str, kind: str | None = None) -> list[Entry]:
        """Entries that have every word in name, meaning, owner, class, type or facts; the best match first."""
        words = text.lower().split()
        scored = [(_score(e, words), index, e) for index, e in enumerate(self.entries) if kind in (None, "", e.kind)]
        return [e for score, _, e in sorted(scored, key=lambda f: (-f[0], f[1])) if score > 0]

    def upstream(self, identity: str) -> list[Step]:
        """What it was made from, nearest first."""
        return self._walk(identity, {(e.target, e.source) for e in self._edges_of(identity)})

    def downstream(self, identity: str) -> list[Step]:
        """What it feeds, nearest first."""
        return self._walk(identity, {(e.source, e.target) for e in self._edges_of(identity)})

    def lineage(self, identity: str) -> Self:
        """The part of the catalog on the ways to and from one entry."""
        near = {identity, *(s.id for s in self.upstream(identity)), *(s.id for s in self.downstream(identity))}
        edges = [e for e in self._edges_of(identity) if e.source in near and e.target in near]
        return self.model_copy(update={"entries": [e for e in self.entries if e.id in near], "edges": edges})

    @property
    def counts(self) -> dict[str, int]:
        """Entries per kind."""
        return dict(Counter(entry.kind for entry in self.entries))

    def gaps(self) -> list[str]:
        """Entries without meaning, owner or privacy class: a catalog with gaps is not finished."""
        return [
            f"{e.id} has no {what}"
            for e in self.entries
            for what, value in (("meaning", e.meaning), ("owner", e.owner), ("privacy class", e.privacy))
            if not value.strip()
        ]

    def _edges_of(self, identity: str) -> list[Edge]:
        """The edges on the level of the entry: between values for a column or feature, else between tables."""
        kinds = {e.id: e.kind for e in self.entries}
        fine = self.entry(identity).kind in FINE
        return [e for e in self.edges if fine or not {kinds[e.source], kinds[e.target]} & set(FINE)]

    def _walk(self, identity: str, steps: Iterable[tuple[str, str]]) -> list[Step]:
        after: dict[str, list[str]] = {}
        for here, there in sorted(steps):
            after.setdefault(here, []).append(there)
        distance, front = {identity: 0}, [identity]
        while front:
            front = [there for here in front for there in after.get(here, []) if there not in distance]
            distance |= dict.fromkeys(front, max(distance.values()) + 1)
        return [Step(id=one, distance=far) for one, far in distance.items() if one != identity]


def _score(entry: Entry, words: list[str]) -> int:
    """0 when a word is nowhere; a word in the name counts most, then one in the meaning."""
    name, meaning = entry.name.lower(), entry.meaning.lower()
    rest = " ".join([entry.kind, entry.owner, entry.privacy, entry.type, *entry.facts.values()]).lower()
    total = 1
    for word in words:
        points = 100 * (name == word) + 20 * (word in name) + 5 * (word in meaning) + (word in rest)
        if not points:
            return 0
        total += points
    return total
