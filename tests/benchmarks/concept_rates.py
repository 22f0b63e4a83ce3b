"""How often the detectors of concept drift alarm on unchanged months, and on a change of the error.

Streams of 30, 60 and 120 days: of independent rows, of days that differ, of days that differ and last (0.3 of a day's
level stays on the next). DDM is measured beside them, on the same rows one by one.
"""

from functools import partial
from typing import Any

import numpy as np

from include.formats.atomic_file import write_atomically
from include.formats.plain_text import markdown_table
from include.operations.concept import DETECTORS, changes
from include.settings import load_settings
from tests.unit.operations.simulated_losses import MEAN, UNCHANGED, Days

DRAWS, OF_KSWIN, OF_DDM = 2000, 200, 100
ROWS, DAYS, RISE = 100, (30, 60, 120), 1.5
STATED = 0.01


def bench() -> list[dict[str, Any]]:
    rates = {
        (name, kind, days): rate
        for kind in UNCHANGED
        for days in DAYS
        for name, rate in _rates(Days(days, ROWS, **UNCHANGED[kind]), DRAWS).items()
    }
    found = {(n, days): r for days in DAYS for n, r in _rates(Days(days, ROWS, rise=RISE, at=2 * days // 3)).items()}
    ddm = {kind: _ddm(kind) for kind in UNCHANGED}
    report = _report(rates, found, ddm)
    write_atomically(load_settings().home / "bench" / "concept_rates.md", report + "\n")
    print(report)
    unchanged = max(rate for (_, kind, _), rate in rates.items() if kind != "days that last")
    return [
        {
            "name": "concept_rates", "what": "share of unchanged streams with an alarm, the worst detector",
            "ours": unchanged, "against": {"stated": STATED, "ddm": ddm["days that differ"]}, "unit": "share",
            "n": DRAWS, "samples": [[*key, rate] for key, rate in rates.items()],
        }
    ]  # fmt: skip


def _rates(stream: Days, draws: int = OF_KSWIN) -> dict[str, float]:
    """Share of the draws with a change that is a rise at the end, by detector; KSWIN is slow and reads fewer."""
    streams = [stream.losses(seed).standardised for seed in range(draws)]
    few = {"kswin": streams[:OF_KSWIN]}
    return {name: float(np.mean([_rises(name, one) for one in few.get(name, streams)])) for name in DETECTORS}


def _rises(name: str, stream: np.ndarray) -> bool:
    detector = DETECTORS[name]
    found = changes(detector.make(), stream) if len(stream) >= detector.least else []
    return bool(found) and found[-1].rise > 0


def _ddm(kind: str, days: int = 30) -> float:
    """Share of unchanged months in which DDM alarms on the rows one by one."""
    from river.drift.binary import DDM

    stream, make = Days(days, ROWS, **UNCHANGED[kind]), partial(DDM, warm_start=30)
    return float(np.mean([_alarms(make(), stream, np.random.default_rng(seed)) for seed in range(OF_DDM)]))


def _alarms(detector: Any, stream: Days, random: np.random.Generator) -> bool:
    for level in stream.levels(random):
        for wrong in random.random(stream.rows) < level / MEAN * 0.2:
            detector.update(bool(wrong))
            if detector.drift_detected:
                return True
    return False


def _report(
    rates: dict[tuple[str, str, int], float], found: dict[tuple[str, int], float], ddm: dict[str, float]
) -> str:
    rows = [
        [DETECTORS[name].title, days, *(f"{rates[name, kind, days]:.2%}" for kind in UNCHANGED), f"{share:.0%}"]
        for (name, days), share in sorted(found.items())
        if days >= DETECTORS[name].least
    ]
    rows.append(["DDM on rows", 30, *(f"{rate:.0%}" for rate in ddm.values()), ""])
    return markdown_table(["detector", "days", *UNCHANGED, f"rise of {RISE} found"], rows)
