"""The exporter process: monitored figures and gate results from the lake, exposed for Prometheus to scrape."""

from include.adapters.metrics_exporter import serve
from include.contracts.deployment import RolloutEvent
from include.contracts.operations import Figure
from include.contracts.quality import GateResult
from include.services.composition import Services
from include.settings import load_settings
from include.specification.loader import load_usecase, usecase_names


def figures(services: Services) -> list[Figure]:
    """Everything that was monitored, of every use case."""
    return [figure for name in usecase_names() for figure in services.records.figures(load_usecase(name))]


def gates(services: Services) -> list[GateResult]:
    """Every gate result of every use case, oldest first."""
    return [result for name in usecase_names() for result in services.records.gate_results(load_usecase(name))]


def rollouts(services: Services) -> list[RolloutEvent]:
    """Every rollout event of every use case, oldest first."""
    return [event for name in usecase_names() for event in services.records.rollout_events(load_usecase(name))]


if __name__ == "__main__":
    settings = load_settings()
    serve(
        lambda: figures(Services(settings)),
        settings.host,
        settings.exporter_port,
        lambda: gates(Services(settings)),
        lambda: rollouts(Services(settings)),
    )
