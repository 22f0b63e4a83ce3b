"""How often drift is found in months in which nothing changed: by rows, and by days that differ from each other.

``drift_rates``: how often one feature is beyond the noise floor of a level. ``drift_alarms``: how often any of 20
features of a window is found, and how many alerts 30 days of daily windows have. Tables go to
``var/bench/drift_rates.md``.
"""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binom

from include.evaluation import histograms
from include.evaluation.block_counts import Drawn, by_block, packed
from include.evaluation.blocks import Blocks
from include.evaluation.discoveries import discovery_level, most_often
from include.evaluation.divergence import Divergence, divergence
from include.formats.atomic_file import write_atomically
from include.formats.plain_text import markdown_table
from include.settings import load_settings

SIZES = (50, 200, 1000, 28_000)
UNITS = ("row", "day")
DRAWS, DAYS, BEFORE, OF_DAY = 10_000, 30, 3000, 0.3
OF_ROWS = 1000  # draws by days that are judged by rows too
LEVELS = (0.05, 0.01)
FEATURES, RATE, THRESHOLD, LEAST = 20, 0.05, 0.25, 2


class Draw(NamedTuple):
    """One feature of one window: its PSI, how likely chance reaches it, and the threshold; of some the same by rows."""

    psi: float
    p_value: float
    of_threshold: float
    by_rows: float | None


def bench(draws: int = DRAWS) -> list[dict[str, Any]]:
    with ProcessPoolExecutor() as pool:
        found = {
            (unit, n): list(pool.map(partial(_draw, unit, n), range(draws), chunksize=100))
            for unit in UNITS
            for n in SIZES
        }
    rates = {
        (*key, level): float(np.mean([one.p_value <= level for one in of]))
        for key, of in found.items()
        for level in LEVELS
    }
    alarms = {key: _alarms(of) for key, of in found.items()}
    judged = {n: [one.by_rows for one in found["day", n] if one.by_rows is not None] for n in SIZES}
    by_rows = {n: float(np.mean(np.array(values) <= RATE)) for n, values in judged.items()}
    report = "\n\n".join([_of_rates(rates, by_rows, draws), _of_alarms(alarms)])
    write_atomically(load_settings().home / "bench" / "drift_rates.md", report + "\n")
    print(report)
    worst = max((rate for (*_, level), rate in rates.items() if level == RATE), key=lambda rate: abs(rate - RATE))
    any_found = max(any_of for any_of, *_ in alarms.values())
    return [
        _figure("drift_rates", "share of unchanged features beyond the noise floor of 5 %, the furthest from it", worst,
                draws, [[*key, rate] for key, rate in rates.items()]),
        _figure("drift_alarms", f"share of unchanged windows in which any of {FEATURES} features is found, the largest",
                any_found, draws // FEATURES, [[*key, *values] for key, values in alarms.items()]),
    ]  # fmt: skip


def _figure(name: str, what: str, observed: float, n: int, samples: Any) -> dict[str, Any]:
    return {
        "name": name, "what": what, "ours": observed, "against": {"stated": RATE}, "unit": "share", "n": n,
        "samples": samples,
    }  # fmt: skip


def _draw(unit: str, n: int, seed: int) -> Draw:
    """A test set and a month of the same days' distribution; a test set has at least as many rows as the month."""
    random = np.random.default_rng([seed, n, UNITS.index(unit)])
    (values, blocks), (now, days) = _month(random, max(n, BEFORE), unit), _month(random, n, unit)
    described = histograms.numeric(values)
    if unit == "row":
        return _of(divergence(described, now))
    described["by_block"] = packed(by_block(described, values, blocks, itself=True))
    drawn = Drawn(days, days.count, {"unit": "day", "count": blocks.count, "days": blocks.count})
    return _of(divergence(described, now, drawn), divergence(described, now) if seed < OF_ROWS else None)


def _of(found: Divergence, by_rows: Divergence | None = None) -> Draw:
    return Draw(found.psi, found.p_value, found.chance.p_value(THRESHOLD), by_rows.p_value if by_rows else None)


def _month(random: np.random.Generator, rows: int, unit: str) -> tuple[pd.Series, Blocks]:
    """Values (rows,) of days that have more or fewer rows; by days each has a shift of its own."""
    busy = random.lognormal(0, 0.2, DAYS)
    day = np.repeat(np.arange(DAYS), random.multinomial(rows, busy / busy.sum()))
    there, codes = np.unique(day, return_inverse=True)
    shift = (OF_DAY if unit == "day" else 0.0) * random.normal(size=DAYS)
    return pd.Series(random.normal(size=rows) + shift[day]), Blocks("day", codes, len(there))


def _alarms(draws: list[Draw]) -> tuple[float, float, float]:
    """Windows of ``FEATURES``: share with any found, alerts in 30 daily windows, and as many are stated at most."""
    windows = [draws[begin : begin + FEATURES] for begin in range(0, len(draws) - FEATURES + 1, FEATURES)]
    levels = [discovery_level([one.p_value for one in window], RATE) for window in windows]
    counts = [[one.p_value < level for one in window] for window, level in zip(windows, levels, strict=True)]
    beyond = [
        sum(one.psi > THRESHOLD and found for one, found in zip(window, of, strict=True)) >= LEAST
        for window, of in zip(windows, counts, strict=True)
    ]
    chance = most_often(LEAST, FEATURES, RATE)
    stated = [min(chance, sum(one.of_threshold for one in window) / LEAST) for window in windows]
    return float(np.mean([any(of) for of in counts])), 30 * float(np.mean(beyond)), 30 * float(np.mean(stated))


def _of_rates(rates: dict[tuple[str, int, float], float], by_rows: dict[int, float], draws: int) -> str:
    limits = {level: binom.ppf([0.0005, 0.9995], draws, level) / draws for level in LEVELS}
    heads = [f"{level:.0%} ({low:.2%} to {high:.2%})" for level, (low, high) in limits.items()]
    rows = [
        (
            "rows" if unit == "row" else f"{DAYS} days",
            f"{n:,}",
            *(f"{rates[unit, n, level]:.2%}" for level in LEVELS),
            f"{by_rows[n]:.1%}" if unit == "day" else "",
        )
        for unit in UNITS
        for n in SIZES
    ]
    return markdown_table(("drawn by", "rows", *heads, f"{RATE:.0%}, days judged by rows"), rows)


def _of_alarms(alarms: dict[tuple[str, int], tuple[float, float, float]]) -> str:
    rows = [
        ("rows" if unit == "row" else f"{DAYS} days", f"{n:,}", f"{any_of:.1%}", f"{observed:.2f}", f"{stated:.2f}")
        for (unit, n), (any_of, observed, stated) in alarms.items()
    ]
    return markdown_table(("drawn by", "rows", "any found", "alerts in 30 windows", "expected at most"), rows)
