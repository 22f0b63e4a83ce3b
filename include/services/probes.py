"""Evidence for the components of the standard: records that were written, facts of specs, series, choices of forms."""

from collections.abc import Iterable
from datetime import UTC, datetime

from include.governance.standard.facts import FACTS
from include.governance.standard.states import Answer
from include.services.composition import Services
from include.specification.loader import usecases

SHOWN = 4
"""Names that a sentence holds; of further ones it says how many."""


def named(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    every = list(names)
    rest = len(every) - SHOWN
    return ", ".join(every[:SHOWN]) + (f" +{rest}" if rest > 0 else "")


def table(services: Services, name: str) -> Answer:
    """When a table of records was last written, of any use case."""
    lake = services.adapters.lake
    written = {spec.name: at for spec in usecases() if (at := lake.changed_at(spec.name, name))}
    if not written:
        return Answer("idle", "unwritten", datetime.now(UTC), {"table": name})
    newest = f"{max(written.values()):%Y-%m-%d %H:%M} UTC"
    facts = {"table": name, "newest": newest, "usecases": named(written)}
    facts |= {"usecase": max(written, key=written.__getitem__)}
    return Answer("healthy", "written", datetime.now(UTC), facts)


def fact(name: str) -> Answer:
    """Which use cases declare it."""
    holds = [spec.name for spec in usecases() if FACTS[name](spec)]
    if not holds:
        return Answer("none", "undeclared", datetime.now(UTC))
    return Answer("healthy", "declared", datetime.now(UTC), {"usecases": named(holds), "usecase": holds[0]})


def metric(services: Services, name: str) -> Answer:
    """Whether Prometheus has series of this name now. Raises ServiceError when it does not answer."""
    found = services.adapters.metrics_server.query(f"count({name})")
    if not found:
        return Answer("none", "no_series", datetime.now(UTC), {"metric": name})
    return Answer("healthy", "series", datetime.now(UTC), {"metric": name, "count": f"{found[0][1]:.0f}"})
