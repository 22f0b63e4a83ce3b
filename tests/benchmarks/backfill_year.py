"""Seconds from the source to published for a year of flights by days, in one run, against the same year by months."""

import tempfile
import time
from pathlib import Path
from typing import Any

from include.contracts.period import range_text
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.integration.flights_by_day import by_day, run_range, services_in


def bench() -> dict[str, Any]:
    by_months, by_days = _seconds(load_usecase("flight_delay")), _seconds(by_day())
    return {
        "name": "backfill_year",
        "what": "the flights of 2013 by days: collected, through both gates, built, published and announced by one run",
        "ours": by_days,
        "against": {"twelve_months": by_months},
        "unit": "s",
        "n": 364,
        "samples": [by_days],
    }


def _seconds(spec: UseCase) -> float:
    """Of one run for every period of the use case, in a state root of its own."""
    with tempfile.TemporaryDirectory() as home:
        services = services_in(Path(home))
        services.adapters.feature_store.apply()
        assert spec.periods.last is not None
        begun = time.perf_counter()
        run_range(spec, services, f"{spec.periods.first}..{spec.periods.last}", "year")
        taken = time.perf_counter() - begun
        published = services.records.published(spec)
    if range_text(published) != f"{spec.periods.first}..{spec.periods.last}":
        raise RuntimeError(f"only {range_text(published)} were published")
    return taken
