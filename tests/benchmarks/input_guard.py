"""Faults that the input guard finds in July 2013, false alarms in honest months, and what the profile of a month costs.

What it finds of each fault goes to ``var/bench/input_guard.md``.
"""

import time
from statistics import median
from typing import Any

from include.formats.atomic_file import write_atomically
from include.settings import load_settings
from tests.integration.guard_world import FAULTS, JULY, described, honest_windows, judged, worlds

HONEST = 40
SAMPLES = 5


def bench() -> list[dict[str, Any]]:
    spec, rows, _ = worlds()["flights"]
    july = rows[rows["period"] == JULY]
    found = {name: judged("flights", JULY, fault(july)) for name, fault in FAULTS.items()}
    honest = [(name, month, judged(name, month, window)) for name, month, window in honest_windows(HONEST)]
    alarms = {f"{name} {month} ({place})": odd for place, (name, month, odd) in enumerate(honest) if odd}
    table = [f"| {name} | {odd[0].text if odd else 'not found'} |" for name, odd in found.items()]
    report = "\n".join(["| fault | first finding |", "|---|---|", *table, ""])
    write_atomically(load_settings().home / "bench" / "input_guard.md", report)
    print(report)
    seconds = [_seconds(lambda: described(spec, JULY, july)) for _ in range(SAMPLES)]
    return [
        {
            "name": "input_guard",
            "what": f"kinds of faults found in July 2013, of {len(FAULTS)}",
            "ours": sum(bool(odd) for odd in found.values()),
            "against": {"kinds": len(FAULTS)},
            "unit": "kinds",
            "n": len(july),
            "samples": {name: [one.text for one in odd[:3]] for name, odd in found.items()},
        },
        {
            "name": "input_guard_false_alarms",
            "what": f"honest windows that the input guard refuses, of {HONEST} of the flights and the weather",
            "ours": len(alarms),
            "against": {"windows": HONEST},
            "unit": "windows",
            "n": HONEST,
            "samples": {name: [one.text for one in odd[:3]] for name, odd in alarms.items()},
        },
        {
            "name": "input_guard_profile",
            "what": "CPU seconds of the profile of a month of flights",
            "ours": median(seconds),
            "against": {},
            "unit": "s",
            "n": len(july),
            "samples": seconds,
        },
    ]


def _seconds(work: Any) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun
