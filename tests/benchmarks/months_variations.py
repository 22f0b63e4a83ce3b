"""The replay of ``months`` in other worlds: orders of the months, changed concepts, a fault, no drift; 12,000 flights a
month and few resamples, so that it takes minutes."""

import tempfile
from pathlib import Path
from typing import Any

from include.formats.atomic_file import write_atomically
from include.settings import load_settings
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.benchmarks.months import THREADS, figures
from tests.integration.flight_worlds import WORLDS, Rows, fewer
from tests.integration.months_replay import Year, faulty, replay
from tests.integration.published_flights import published_flights

RESAMPLES = 200
PEERS = ("never", "monthly_every_candidate", "monthly_newest_untested")
COLUMNS = (
    "world", "never", "monthly, every candidate", "monthly, newest, untested", "four comparisons, refit", "released in",
    "left out",
)  # fmt: skip


def bench() -> list[dict[str, Any]]:
    spec = _quick(load_usecase("flight_delay"))
    with tempfile.TemporaryDirectory() as home:
        rows = fewer(published_flights(spec, Path(home)))
    found = [replayed(spec, name, rows) for name in WORLDS]
    report = "\n".join([f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|", *map(_row, found)])
    write_atomically(load_settings().home / "bench" / "months_variations.md", report + "\n")
    print(report)
    return found


def replayed(spec: UseCase, world: str, rows: Rows) -> dict[str, Any]:
    year = Year.of(spec, WORLDS[world](rows), THREADS)
    left_out = faulty(year)
    found = replay(year, refits=True, left_out=left_out)
    return figures(year, found, refits=True, left_out=left_out, name=f"months_{world}")


def _quick(spec: UseCase) -> UseCase:
    return spec.model_copy(update={"comparison": spec.comparison.model_copy(update={"resamples": RESAMPLES})})


def _row(one: dict[str, Any]) -> str:
    areas = [*(one["against"][peer] for peer in PEERS), one["ours"]]
    released = ", ".join(str(life["released"]) for life in one["releases"]) or "never"
    told = [one["name"].removeprefix("months_"), *(f"{area:.3f}" for area in areas), released]
    return f"| {' | '.join([*told, ', '.join(map(str, one['left_out']))])} |"
