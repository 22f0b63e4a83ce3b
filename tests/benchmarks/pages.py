"""Server time of every page of the Moebius pages, on a year of daily history of ten use cases."""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks import _page_history

USECASES, DAYS, REPEATS = 10, 365, 5
PAGES = {
    "overview": "/", "use case": "/loops/{usecase}", "verdict": "/verdicts/{usecase}", "rollout": "/rollouts/{usecase}",
    "monitoring": "/monitoring/{usecase}", "data": "/data/{usecase}", "alerts": "/alerts/{usecase}",
    "cost": "/cost/{usecase}", "versions": "/versions/{usecase}", "approvals": "/approvals/{usecase}",
    "predictions": "/predictions/{usecase}", "ML dashboard": "/standard/", "mapping": "/standard/mapping",
    "checklist": "/standard/checklist", "pipelines": "/standard/pipelines", "catalog": "/catalog/",
    "audit": "/audit/", "access": "/access/", "compliance": "/compliance/",
}  # fmt: skip


def bench(count: int = USECASES, days: int = DAYS) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        milliseconds = measured(Path(directory), count, days)
    slowest = max(milliseconds, key=lambda name: milliseconds[name])
    return {
        "name": "pages",
        "what": f"the slowest page, {slowest}, its pictures drawn anew: {count} use cases of {days} days",
        "ours": milliseconds[slowest],
        "against": {},
        "unit": "ms",
        "n": REPEATS,
        "samples": milliseconds,
    }


def measured(home: Path, count: int, days: int) -> dict[str, float]:
    """Page → median of its server time, ms."""
    from tests.unit.fakes.page_client import client_of

    specs = _page_history.specifications(home / "usecases", count)
    _page_history.write(home / "state", specs, days)
    with client_of(home / "state") as client:
        client.get("/")  # starts the process that draws
        return {name: _median(client, path.format(usecase=specs[-1].name)) for name, path in PAGES.items()}


def _median(client: Any, path: str) -> float:
    from include.ui.charts import drawing

    samples = []
    for _ in range(REPEATS):
        drawing._drawn.cache_clear()
        begun = time.perf_counter()
        response = client.get(path)
        samples.append(1000 * (time.perf_counter() - begun))
        assert response.status_code == 200, f"{path}: {response.text[:300]}"
    return statistics.median(samples)
