"""The exporter process: figures from the lake, exposed for Prometheus to scrape."""

from include.adapters.metrics_exporter import serve
from include.contracts import Figure
from include.services import Services
from include.settings import load_settings
from include.usecase import load_usecase, usecase_names


def newest_figures(services: Services) -> list[Figure]:
    """Of every use case, the figures of its newest monitored month."""
    found: list[Figure] = []
    for name in usecase_names():
        figures = services.figures(load_usecase(name))
        newest = max((f.period for f in figures), default=None)
        found += [f for f in figures if f.period == newest]
    return found


if __name__ == "__main__":
    settings = load_settings()
    services = Services(settings)
    serve(lambda: newest_figures(services), settings.host, settings.exporter_port)
