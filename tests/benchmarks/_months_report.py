"""The decisions of a replayed year as Markdown tables and as facts for JSON."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from include.contracts.evaluation import Interval
from tests.integration.months_replay import Evaluated, Life, Months, Replayed, Year, held, lives

CELLS = "| month | serving | candidate | old | A | B | C | D | B-A | decision | by |"
GAINS = "| month | gain D-C | n | effective n | probability | net value | in the month after |"
LIVES = "| released in | served | gain over its predecessor, on all flights of these months |"


def facts(year: Year, one: Evaluated) -> dict[str, Any]:
    """What was decided in a month, and on which figures."""
    verdict, primary = one.verdict, year.spec.metrics.primary
    return {
        "month": one.month,
        "serving": one.serving.made.learned,
        "proof_of_serving": one.serving.made.proof,
        "candidate": one.candidate,
        "old": one.serving.old,
        "cells": {c.name: c.figure.json_dict() for c in verdict.cells if c.metric == primary},
        "differences": {
            pair: verdict.differences[f"{pair} {primary}"].json_dict() for pair in ("D-C", "B-A", "C-A", "D-B")
        },
        "probability": verdict.probability,
        "net_value": verdict.net_value.json_dict() if verdict.net_value else None,
        "decision": verdict.decision,
        "rule": verdict.rule,
        "reason": verdict.reason,
        "held": held(year, one),
    }


def life_facts(life: Life) -> dict[str, Any]:
    return {"released": life.released, "months": life.months, "gain": life.gain.json_dict()}


def tables(year: Year, found: Replayed) -> str:
    """Cells and decisions, gains, and what came of each release."""
    rows = [facts(year, one) for one in found.evaluated]
    of_lives = [
        f"| {_month(life.released)} | {span(life.months)} | {_shown(life.gain.json_dict())} |"
        for life in lives(year, found.served)
    ]
    parts = [_table(CELLS, map(_cells, rows)), _table(GAINS, map(_gains, rows)), spread(rows), _table(LIVES, of_lives)]
    return "\n\n".join(parts)


def spread(rows: Sequence[dict[str, Any]]) -> str:
    """Whether a gain in one month was one in the next, in words."""
    pairs = [(row["differences"]["D-C"]["value"], row["held"]) for row in rows if row["held"] is not None]
    gains = [(now, after) for now, after in pairs if now > 0]
    lost = sum(after < 0 for _, after in gains)
    between = float(np.std([now for now, _ in pairs], ddof=1))
    moved = float(np.sqrt(np.mean([(after - now) ** 2 for now, after in pairs])))
    return (
        f"Of {len(gains)} candidates that gained in the month that judged them {lost} lost in the month after. Between "
        f"months the gain D-C has a standard deviation of {between:.3f}; from a month to the next, with the same two "
        f"models, it moves by {moved:.3f} (root mean square)."
    )


def span(months: Months) -> str:
    """``1-3, 5``"""
    runs: list[list[int]] = []
    for month in months:
        if runs and month == runs[-1][-1] + 1:
            runs[-1].append(month)
        else:
            runs.append([month])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _table(head: str, lines: Iterable[str]) -> str:
    return "\n".join([head, "|---" * head.count(" | ") + "|---|", *lines])


def _cells(row: dict[str, Any]) -> str:
    told = [
        _month(row["month"]),
        span(row["serving"]),
        span(row["candidate"]),
        str(row["old"]),
        *(f"{row['cells'][name]['value']:.3f}" for name in "ABCD"),
        _shown(row["differences"]["B-A"]),
        f"**{row['decision']}**",
        row["rule"],
    ]
    return "| " + " | ".join(told) + " |"


def _gains(row: dict[str, Any]) -> str:
    gain, net = row["differences"]["D-C"], row["net_value"]
    told = [
        _month(row["month"]),
        _shown(gain),
        f"{gain['n']:,}",
        f"{gain['effective_n']:,}",
        f"{row['probability']:.3f}",
        f"{net['total']:+.3f}",
        "" if row["held"] is None else f"{row['held']:+.3f}",
    ]
    return "| " + " | ".join(told) + " |"


def _month(number: int) -> str:
    return f"2013-{number:02d}"


def _shown(figure: dict[str, Any]) -> str:
    interval = Interval.model_validate(figure)
    return f"{interval.value:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"
