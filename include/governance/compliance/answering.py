"""Who answers what: each item of ``law.yaml`` has one function that answers it from the facts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from include.contracts.compliance import Evidence, Gap, Item, State, Table
from include.governance.compliance.facts import Facts

Found = Evidence | Gap | None
MOST_ROWS = 200


@dataclass(frozen=True)
class Answer:
    """``found`` are evidence and gaps, None for nothing; ``applies`` is false where it cannot concern the system."""

    says: Sequence[str] = ()
    found: Sequence[Found] = ()
    tables: Sequence[Table] = field(default_factory=list)
    applies: bool = True

    def item(self, key: str, reference: str, title: str) -> Item:
        evidence = [one for one in self.found if isinstance(one, Evidence)]
        gaps = [one for one in self.found if isinstance(one, Gap)]
        state: State = "evidenced" if evidence and not gaps else "partly" if evidence else "missing"
        return Item(
            key=key, reference=reference, title=title, state=state if self.applies else "not applicable",
            says=[*self.says], tables=[table for table in self.tables if table.rows], evidence=evidence, gaps=gaps,
        )  # fmt: skip


Answering = Callable[[Facts], Answer]
ANSWERS: dict[str, Answering] = {}
"""Item, like ``ai_act.1.a``, → what answers it; the modules of this room fill it."""


def answers(*keys: str) -> Callable[[Answering], Answering]:
    """Registers the function that answers these items."""

    def registered(function: Answering) -> Answering:
        ANSWERS.update(dict.fromkeys(keys, function))
        return function

    return registered


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A table of at most ``MOST_ROWS`` rows, the last ones; the caption says when there are more."""
    every = [[text(cell) for cell in row] for row in rows]
    more = f" (the newest {MOST_ROWS} of {len(every)})" if len(every) > MOST_ROWS else ""
    return Table(caption=caption + more, head=[*head], rows=every[-MOST_ROWS:])


def text(value: Any) -> str:
    """A value as a cell shows it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(str, value)) or "–"
    return f"{value:%Y-%m-%d %H:%M:%S} UTC" if hasattr(value, "hour") else str(value)
