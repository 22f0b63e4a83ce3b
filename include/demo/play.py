"""The demo: the whole loop on one use case, from the first start of the platform to the summary."""

import time

from rich.console import Console

from include.demo import summary
from include.demo.airflow_api import Airflow
from include.demo.progress import Progress
from include.demo.scenario import FAMILIES, Scenario, Script
from include.errors import ServiceError
from include.platform.embedded import Platform
from include.platform.patience import Patience
from include.services.composition import Services
from include.settings import load_settings
from include.specification.loader import load_usecase


def play(script: Script, console: Console) -> dict:
    """Start the platform, play, print and write the summary; returns it."""
    settings = load_settings()
    spec, services, platform = load_usecase(script.usecase), Services(settings), Platform(settings)
    progress = Progress(console)
    with progress.stage("platform", "starting MLflow, Triton, Prometheus and Airflow", "the first data"):
        platform.up(progress.status)
        airflow = Airflow(settings, progress.watch)
        _await_dags(airflow, spec.name, progress)
    scenario = Scenario(spec, services, airflow, progress, script)
    refusal = f"the demo of {spec.name} is being played by another process; wait for it, or end it"
    try:
        with services.adapters.locks.hold(f"demo/{spec.name}/playing", wait=0, refusal=refusal):
            scenario.play()
    finally:
        airflow.close()
    result = summary.collect(spec, services, progress, scenario.memory.content, platform.memory())
    path = settings.home / "demo" / "summary.json"  # of the last one played
    for place in (path, path.parent / spec.name / path.name):
        summary.write(result, place)
    summary.show(result, console, path)
    return result


def _await_dags(airflow: Airflow, usecase: str, progress: Progress, seconds: float = 90) -> None:
    """Until the DAG processor has read what the demo plays."""
    families = {f"{usecase}.{family}" for family in FAMILIES}
    patience = Patience(seconds, lambda: (len(families & airflow.dags()), 0.0))
    while missing := families - airflow.dags():
        progress.status(f"Airflow reads the DAGs ({len(families) - len(missing)}/{len(families)})")
        if errors := airflow.import_errors(usecase):
            raise ServiceError("Airflow cannot import a DAG file: " + "\n".join(errors))
        if patience.fault():
            raise ServiceError(f"Airflow has not read {sorted(missing)} after {seconds:.0f} s; see `make status`")
        time.sleep(0.5)
