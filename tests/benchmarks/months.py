"""What the four comparisons decide on each month of 2013, with the use case's own features, and what it is worth.

``months`` is the mean AUC, April to December, of what served when the monthly four comparisons decide and what is taken
is fitted again with the newest month; ``months_without_refit`` when the judged model itself serves. The peers never
retrain, take every month's candidate untested as a training with a test month makes it, or fit all there is every
month, untested. Cells, decisions and what came of each release go to ``var/bench/months.md``.
"""

import tempfile
from pathlib import Path
from typing import Any

from include.formats.atomic_file import write_atomically
from include.settings import load_settings
from include.specification.loader import load_usecase
from tests.benchmarks._months_report import facts, life_facts, tables
from tests.integration.months_replay import (
    REPLAYED,
    Replayed,
    Year,
    faulty,
    first_release,
    lives,
    mean_area,
    replay,
    untested,
)
from tests.integration.published_flights import published_flights

HEADINGS = {True: "With a refit of what is taken", False: "Without a refit: what was judged serves"}
THREADS = 1  # more threads wait for each other on a machine that is shared
WORSE = -0.005
"""No release may lose more to its predecessor, with an interval below 0."""


def bench() -> list[dict[str, Any]]:
    spec = load_usecase("flight_delay")
    with tempfile.TemporaryDirectory() as home:
        year = Year.of(spec, published_flights(spec, Path(home)), THREADS)
    left_out = faulty(year)
    replays = {refits: replay(year, refits=refits, left_out=left_out) for refits in HEADINGS}
    report = "\n\n".join(f"### {HEADINGS[refits]}\n\n{tables(year, found)}" for refits, found in replays.items())
    write_atomically(load_settings().home / "bench" / "months.md", report + "\n")
    print(report)
    return [figures(year, found, refits, left_out) for refits, found in replays.items()]


def figures(
    year: Year, found: Replayed, refits: bool, left_out: dict[int, str], name: str = "months"
) -> dict[str, Any]:
    """Mean AUC of what served against the peers, and what was decided in every month."""
    of_lives = lives(year, found.served)
    kind = "then fitted again with the newest month" if refits else "which serve as they were judged"
    return {
        "name": name if refits else f"{name}_without_refit",
        "what": f"mean AUC of what served, April to December 2013: candidates by the four comparisons, {kind}",
        "ours": mean_area(year, found.served),
        "against": {
            "never": mean_area(year, dict.fromkeys(REPLAYED, first_release(refits).made)),
            "monthly_every_candidate": mean_area(year, untested(newest=False)),
            "monthly_newest_untested": mean_area(year, untested(newest=True)),
        },
        "unit": "AUC",
        "n": sum(len(year.months[month]) for month in REPLAYED),
        "samples": [facts(year, one) for one in found.evaluated],
        "served": {month: year.area(made, month) for month, made in found.served.items()},
        "left_out": left_out,
        "releases": [life_facts(life) for life in of_lives],
        "releases_that_lost": [life.released for life in of_lives if life.gain.value < WORSE and life.gain.high < 0],
    }
