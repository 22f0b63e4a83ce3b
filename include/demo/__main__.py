"""``make demo``: the whole loop on one use case, the flights of 2013 unless another is named."""

import argparse
import os
import sys

from rich.console import Console

from include.demo import summary
from include.demo.airflow_api import Airflow
from include.demo.progress import Progress
from include.demo.scenario import FAMILIES, Scenario, Script
from include.errors import MoebiusError, ServiceError
from include.platform.embedded import Platform
from include.services.composition import Services
from include.settings import load_settings
from include.specification.loader import load_usecase, usecase_names


def main(arguments: list[str] | None = None) -> int:
    script = _script(arguments)
    console = Console()
    try:
        run(script, console)
    except MoebiusError as error:
        console.print(f"\n[red bold]The demo stopped.[/] {error}", highlight=False)
        console.print("`make demo` continues from here; `make status` shows the services; `make clean` starts over.")
        return 1
    except KeyboardInterrupt:
        console.print(
            "\nInterrupted. `make demo` continues from here; `make down` stops the platform; `make clean` removes all."
        )
        return 130
    return 0


def run(script: Script, console: Console) -> dict:
    """Start the platform, play, print and write the summary; returns it."""
    settings = load_settings()
    spec, services, platform = load_usecase(script.usecase), Services(settings), Platform(settings)
    progress = Progress(console)
    with progress.stage("platform", "starting MLflow, Triton, Prometheus and Airflow", "the first month"):
        platform.up(progress.status)
        airflow = Airflow(settings, progress.watch)
        _await_dags(airflow, spec.name, progress)
    scenario = Scenario(spec, services, airflow, progress, script)
    try:
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
    import time

    families = {f"{usecase}.{family}" for family in FAMILIES}
    deadline = time.monotonic() + seconds
    while missing := families - airflow.dags():
        progress.status(f"Airflow reads the DAGs ({len(families) - len(missing)}/{len(families)})")
        if errors := airflow.import_errors():
            raise ServiceError("Airflow cannot import a DAG file: " + "\n".join(errors))
        if time.monotonic() > deadline:
            raise ServiceError(f"Airflow has not read {sorted(missing)} after {seconds:.0f} s; see `make status`")
        time.sleep(0.5)


def _script(arguments: list[str] | None) -> Script:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--usecase", default="flight_delay", choices=usecase_names())
    parser.add_argument("--sample", type=int, default=Script.sample, help="live requests per month")
    parser.add_argument("--approve", choices=["demo", "me"], default="demo", help="who answers the required action")
    parser.add_argument("--last", help="last month to play, like 2013-09")
    parsed = parser.parse_args(arguments)
    return Script(parsed.usecase, sample=parsed.sample, approve=parsed.approve, last=parsed.last)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # gRPC's background threads must not hold the process after the last line
