"""Findings as a table of Markdown and as JSON."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from tests.chaos.doors import GATEWAY, SERVER
from tests.chaos.drill import Cost, Finding

HEAD = (
    "what dies or breaks",
    "failed requests, one server",
    "failed requests, gateway",
    "wrong answers",
    "rows lost, doubled",
    "noticed after",
    "who is told",
    "well again after",
)


def table(findings: Iterable[Finding]) -> str:
    rows = [HEAD, ("---",) * len(HEAD), *map(_row, findings)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(one: Finding) -> tuple[str, ...]:
    return (
        one.what,
        _failed(one.cost[SERVER]),
        _failed(one.cost[GATEWAY]),
        _wrong(one.cost.values()),
        f"{one.lost}, {one.doubled}",
        _seconds(one.noticed),
        ", ".join(one.told) or "nobody",
        _seconds(one.recovered),
    )


def _failed(cost: Cost) -> str:
    return f"{cost.failed} in {cost.failing:.1f} s" if cost.failed else "0"


def _wrong(costs: Collection[Cost]) -> str:
    wrong, without = (sum(getattr(cost, kind) for cost in costs) for kind in ("wrong", "without_features"))
    return f"{wrong} ({without} without features)" if without else str(wrong)


def _seconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{max(seconds, 0.0):.1f} s"


def as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [asdict(one) for one in findings]
