"""Findings as a table of Markdown and as JSON."""

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from tests.chaos.damage import Damaged
from tests.chaos.doors import GATEWAY, SERVER
from tests.chaos.drill import Cost, Finding
from tests.chaos.play import Played

WAYS = ("half", "empty", "one bit")

HEAD = (
    "what dies or breaks",
    "failed requests, one server",
    "failed requests, gateway",
    "wrong answers",
    "rows lost, doubled",
    "noticed after",
    "who notices",
    "well again after",
)


def table(findings: Iterable[Finding]) -> str:
    rows = [HEAD, ("---",) * len(HEAD), *map(_row, findings)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def page(played: Played) -> str:
    """Both tables, with when and on what they were measured."""
    cores, (before, after) = os.cpu_count(), played.load
    lost, wrong = played.events
    return (
        f"Measured at {played.at} UTC on {cores} cores, load {before:.1f} before and {after:.1f} after.\n\n"
        f"{table(played.findings)}\n"
        f"Events of the stream: {lost} lost, {wrong} computed wrong.\n\n"
        f"{damage_table(played.damaged)}\n"
    )


def damage_table(damaged: Iterable[Damaged]) -> str:
    """One line for each kind of file: what its readers got, by the way in which it was damaged."""
    kinds: dict[str, dict[str, str]] = {}
    for one in damaged:
        kinds.setdefault(one.name, {})[one.way] = one.result
    rows = [(name, *(results.get(way, "") for way in WAYS)) for name, results in kinds.items()]
    head = ("file", *WAYS)
    return "".join(f"| {' | '.join(row)} |\n" for row in [head, ("---",) * len(head), *rows])


def _row(one: Finding) -> tuple[str, ...]:
    return (
        one.what,
        _failed(one.cost[SERVER]),
        _failed(one.cost[GATEWAY]),
        _wrong(one.cost.values()),
        f"{one.rows.lost}, {one.rows.doubled}"
        + (" (the log says so)" if 0 < one.rows.lost <= one.rows.admitted else ""),
        "" if one.unfelt and not one.told else _seconds(one.noticed),
        _told(one.told) or ("nothing to notice" if one.unfelt else "nobody"),
        _seconds(one.recovered),
    )


def _told(told: Collection[str]) -> str:
    """Events are what ``moebius status`` shows."""
    events = [by.removeprefix("event ") for by in told if by.startswith("event ")]
    alerts = [f"`{by}`" for by in told if not by.startswith("event ")]
    return "; ".join([*([f"status: {', '.join(events)}"] if events else []), *alerts])


def _failed(cost: Cost) -> str:
    return f"{cost.failed} in {cost.failing:.1f} s" if cost.failed else "0"


def _wrong(costs: Collection[Cost]) -> str:
    wrong, without = (sum(getattr(cost, kind) for cost in costs) for kind in ("wrong", "without_features"))
    return f"{wrong} ({without} without features)" if without else str(wrong)


def _seconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{max(seconds, 0.0):.1f} s"


def as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [asdict(one) for one in findings]
