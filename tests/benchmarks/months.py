"""What the four comparisons decide on each month of 2013, retraining on all months so far or on the last three.

``ours`` is the mean AUC of what served from April on when the four comparisons decide; the peers never retrain, or take
every candidate. The verdicts go to ``var/bench/months.md``.
"""

import time
from typing import Any

from include.contracts.evaluation import Verdict
from include.formats.atomic_file import write_atomically
from include.settings import load_settings
from tests.integration.months_replay import (
    FIRST_RELEASE,
    REPLAYED,
    Serving,
    area,
    replay,
    served_without_evaluation,
    window,
)

POLICIES = {"all months so far": None, "last three months": 3}
HEAD = "| month | serving | candidate | A | B | C | D | gain D-C | kept B-A | decision | by |\n" + "|---" * 11 + "|"


def bench() -> list[dict[str, Any]]:
    begun = time.perf_counter()
    replays = {name: replay(last) for name, last in POLICIES.items()}
    report = "\n".join(_table(name, rows) for name, rows in replays.items())
    write_atomically(load_settings().home / "bench" / "months.md", report)
    print(report)
    never = _mean([area(FIRST_RELEASE[0], month) for month in REPLAYED])
    return [
        {
            "name": f"months_{'all' if last is None else f'last_{last}'}",
            "what": f"mean AUC of what served from April to December, retraining monthly on {name}",
            "ours": _mean([area(serving.trained_on, month) for month, serving, _ in replays[name]]),
            "against": {
                "never_retrained": never,
                "every_candidate_taken": _mean(list(served_without_evaluation(last).values())),
            },
            "unit": "AUC",
            "n": len(REPLAYED),
            "samples": [verdict.json_dict() for _, _, verdict in replays[name]],
            "seconds": round(time.perf_counter() - begun, 1),
        }
        for name, last in POLICIES.items()
    ]


def _table(name: str, rows: list[tuple[int, Serving, Verdict]]) -> str:
    told = (_row(month, serving, verdict, window(month, serving, POLICIES[name])) for month, serving, verdict in rows)
    return "\n".join([f"\nRetraining on {name}:\n", HEAD, *told, ""])


def _row(month: int, serving: Serving, verdict: Verdict, trained_on: tuple[int, ...]) -> str:
    cells = {c.name: c.figure.value for c in verdict.cells if c.metric == "roc_auc"}
    gain, kept = (verdict.differences[f"{pair} roc_auc"] for pair in ("D-C", "B-A"))
    told = [
        f"2013-{month:02d}",
        _span(serving.trained_on),
        _span(trained_on),
        *(f"{cells[name]:.3f}" for name in "ABCD"),
        f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]",
        f"{kept.value:+.3f} [{kept.low:+.3f}, {kept.high:+.3f}]",
        f"**{verdict.decision}**",
        verdict.rule,
    ]
    return "| " + " | ".join(told) + " |"


def _span(months: tuple[int, ...]) -> str:
    """``1-3, 5``"""
    runs: list[list[int]] = []
    for month in months:
        if runs and month == runs[-1][-1] + 1:
            runs[-1].append(month)
        else:
            runs.append([month])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
