"""What the states of the checklist are derived from: everything that the platform has to show, gathered once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from include.contracts.checklist import Evidence, EvidenceKind, Point
from include.contracts.tables import TableHead
from include.specification.usecase import UseCase

SHOWN = 3
"""Pieces of evidence that a point keeps, the newest."""


@dataclass(frozen=True)
class Seen:
    """Something that is there: where, since when, and the SHA-256 of its content, where that stays."""

    where: str
    at: datetime
    sha256: str = ""
    page: str = ""


@dataclass(frozen=True)
class OfUseCase:
    """What one use case has; ``ran``: ``<family>.<task>`` → when it was done last, of tasks that are evidence.

    ``tables``: table → newest commit. ``marks``: table → value that its rows have → when it came last. ``files``: what
    it is → file, such as ``tested.json`` of the newest release.
    """

    spec: UseCase
    tables: Mapping[str, TableHead] = field(default_factory=dict)
    marks: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)
    files: Mapping[str, Seen] = field(default_factory=dict)
    ran: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """Evidence of a point, or how to get some."""

    evidence: tuple[Evidence, ...] = ()
    ways: tuple[str, ...] = ()
    needs: str = ""

    def __or__(self, other: Self) -> "Found":
        """Either of both is evidence."""
        return Found(
            (*self.evidence, *other.evidence), tuple(dict.fromkeys((*self.ways, *other.ways))),
            self.needs or other.needs,
        )  # fmt: skip

    def point(self, key: str) -> Point:
        newest = sorted(self.evidence, key=lambda one: one.at, reverse=True)[:SHOWN]
        return Point(key=key, evidence=newest, ways=list(self.ways), needs=self.needs)


NOTHING = Found()
"""The platform has nothing for the point."""
Which = Callable[[UseCase], bool]


def every(spec: UseCase) -> bool:
    """Any use case."""
    return True


@dataclass(frozen=True)
class Facts:
    """``platform``: name → what is there once for all; ``series``: metric → job, of what Prometheus has now;
    ``unread``: why nothing is known of it. ``documents``: path → document. ``events``: kind or action of the audit log
    → when it came last.
    """

    at: datetime
    usecases: Mapping[str, OfUseCase] = field(default_factory=dict)
    platform: Mapping[str, Seen] = field(default_factory=dict)
    documents: Mapping[str, Seen] = field(default_factory=dict)
    series: Mapping[str, str] = field(default_factory=dict)
    unread: str = ""
    events: Mapping[str, datetime] = field(default_factory=dict)

    def table(
        self, table: str, family: str, which: Which = every, needs: str = "", kind: EvidenceKind = "run"
    ) -> Found:
        """Records that runs of the family left in the table, of the use cases that ``which`` takes."""
        evidence = [
            Evidence(
                kind=kind, where=f"{name}.{table}", at=one.tables[table].at, usecase=name, family=family,
                sha256=one.tables[table].sha256,
            )
            for name, one in self.usecases.items() if table in one.tables and which(one.spec)
        ]  # fmt: skip
        return Found(tuple(evidence), (family,), needs)

    def mark(
        self, table: str, value: str, family: str, which: Which = every, needs: str = "", kind: EvidenceKind = "run"
    ) -> Found:
        """Rows of the table with this value."""
        evidence = [
            Evidence(
                kind=kind, where=f"{name}.{table}: {value}", at=at, usecase=name, family=family,
                sha256=one.tables[table].sha256,
            )
            for name, one in self.usecases.items()
            if table in one.tables and which(one.spec) and (at := one.marks.get(table, {}).get(value))
        ]  # fmt: skip
        return Found(tuple(evidence), (family,), needs)

    def file(self, what: str, family: str, kind: EvidenceKind = "run", which: Which = every, needs: str = "") -> Found:
        """A file of this kind that a run of the family wrote."""
        evidence = [
            _of(seen, kind, name, family)
            for name, one in self.usecases.items()
            if which(one.spec) and (seen := one.files.get(what))
        ]
        return Found(tuple(evidence), (family,), needs)

    def task(self, family: str, task: str) -> Found:
        """A task that was done, whatever it left in the tables."""
        what = f"{family}.{task}"
        evidence = [
            Evidence(kind="run", where=f"{name}: {what}", at=at, usecase=name, family=family)
            for name, one in self.usecases.items()
            if (at := one.ran.get(what))
        ]
        return Found(tuple(evidence), (family,))

    def there(self, what: str, kind: EvidenceKind = "document", needs: str = "", family: str = "") -> Found:
        """What the platform has once for all use cases."""
        seen = self.platform.get(what)
        return Found((_of(seen, kind, "", family),) if seen else (), (family,) if family else (), needs)

    def figure(self, *names: str, needs: str = "") -> Found:
        """Metrics that Prometheus has now, the first of these that it has."""
        known = [name for name in names if name in self.series]
        evidence = [Evidence(kind="figure", where=f"Prometheus: {name}", at=self.at) for name in known[:1]]
        return Found(tuple(evidence), (), needs or f"Prometheus: {names[0]}")

    def event(self, what: str, needs: str = "") -> Found:
        """An event of the audit log, by ``kind`` or ``action``."""
        at = self.events.get(what)
        evidence = (
            (Evidence(kind="run", where=f"audit log: {what}", at=at, family="audit", page="audit/"),) if at else ()
        )
        return Found(evidence, ("audit",), needs)

    def document(self, path: str) -> Found:
        """A document of the project."""
        seen = self.documents.get(path)
        return Found((_of(seen, "document", "", ""),) if seen else (), (), path)


def both(first: Found, second: Found) -> Found:
    """Evidence of both, or none: one without the other shows nothing."""
    joined = first | second
    return joined if first.evidence and second.evidence else Found((), joined.ways, joined.needs)


def _of(seen: Seen, kind: EvidenceKind, usecase: str, family: str) -> Evidence:
    return Evidence(
        kind=kind, where=seen.where, at=seen.at, usecase=usecase, family=family, page=seen.page, sha256=seen.sha256
    )


def newest(times: Iterable[tuple[str, datetime | None]]) -> dict[str, datetime]:
    """Value → the newest of its times."""
    found: dict[str, datetime] = {}
    for value, at in times:
        if at is not None and value:
            found[value] = max(found.get(value, at), at)
    return found
