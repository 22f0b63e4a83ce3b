"""How often the detectors of concept drift alarm on unchanged months, and on a change of the error.

Streams of 30, 60 and 120 days: of independent rows, of days that differ, of days that differ and last (0.3 of a day's
level stays on the next). DDM is measured beside them, on the same rows one by one. Then the real flights of 2013: a
model of January and February, its losses of each day from March on.
"""

from functools import partial
from importlib.metadata import distribution
from typing import Any

import numpy as np
import pandas as pd
import xgboost

from include.formats.atomic_file import write_atomically
from include.formats.plain_text import markdown_table
from include.operations.performance.block_losses import BlockLosses
from include.operations.performance.concept import DETECTORS, changes
from include.settings import load_settings
from include.usecases.flight_arrivals.source import FLIGHTS, PACKAGE
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
    report = f"{_report(rates, found, ddm)}\n\n{_of_flights()}"
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


def _losses_of_flights() -> list[dict[str, Any]]:
    """Of each day of 2013 from March on, by trees that learned January and February from six columns."""
    flights = pd.read_csv(str(distribution(PACKAGE).locate_file(FLIGHTS))).dropna(subset=["arr_delay"])
    moments = pd.to_datetime(flights[["year", "month", "day"]])
    known = flights[["distance"]].assign(hour=flights["sched_dep_time"] // 100, weekday=moments.dt.dayofweek)
    known = known.assign(**{name: flights[name].astype("category").cat.codes for name in ("carrier", "origin", "dest")})
    late, learned = (flights["arr_delay"] > 15).to_numpy(), (flights["month"] <= 2).to_numpy()
    parameters = {"objective": "binary:logistic", "max_depth": 5}
    trees = xgboost.train(parameters, xgboost.DMatrix(known[learned], late[learned]), 60)
    losses = pd.Series((trees.predict(xgboost.DMatrix(known[~learned])) - late[~learned]) ** 2)
    days = losses.groupby(moments[~learned].dt.strftime("%Y-%m-%d").to_numpy())
    sums = days.agg(rows="size", total="sum", squares=lambda day: (day**2).sum())
    return sums.rename_axis("block").reset_index().to_dict("records")


def _of_flights() -> str:
    """What the detectors say at the end of each month."""
    days = _losses_of_flights()
    start = BlockLosses.summed(days[:120])
    lasting = np.corrcoef(start.standardised[:-1], start.standardised[1:])[0, 1]
    rows = []
    for month in range(4, 13):
        read = BlockLosses.summed([day for day in days if day["block"] < f"2013-{month + 1:02d}"])
        rows.append([f"2013-{month:02d}", len(read), *(_last(name, read) for name in DETECTORS)])
    said = (
        f"Flights: {lasting:.2f} of a day's loss stays; {start.rows.sum():.0f} rows are worth {start.effective_rows}."
    )
    return f"{said}\n\n{markdown_table(['until', 'days', *DETECTORS], rows)}"


def _last(name: str, read: BlockLosses) -> str:
    if len(read) < DETECTORS[name].least or not (found := changes(DETECTORS[name].make(), read.standardised)):
        return ""
    return f"{'rose' if found[-1].rise > 0 else 'fell'} as of {read.starts[found[-1].at]}"


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
