"""The command line ``moebius``: one module per verb. What a verb needs is imported when it runs."""

import os
import sys

import typer

from include.commands import (
    access,
    audit,
    bench,
    catalog,
    check,
    compliance,
    demo,
    doctor,
    exports,
    gateway,
    platform,
    predictions,
    read,
    release,
    reproduce,
    subject,
)
from include.commands.failure import report
from include.errors import MoebiusError

PLATFORM, DATA, MODELS, DEVELOPMENT = "The platform", "Data", "Models and serving", "Development"

app = typer.Typer(
    name="moebius",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(epilog="`MOEBIUS_ENVIRONMENT=dev` selects the dev environment; include/settings.py lists all settings.")
def moebius() -> None:
    """Keep machine-learning models in production accurate: monitor them, find out why they decay, retrain and compare.

    Start with `moebius demo`, which plays the whole loop on real flight data, or with `moebius up`.
    """
    from include.process_environment import default_environment, use_utc
    from include.settings import load_settings

    os.umask(0o077)  # what a command writes is readable by its owner only
    use_utc()
    airflow = {"AIRFLOW_HOME": str(load_settings().airflow_home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    default_environment(airflow)


app.command(rich_help_panel=PLATFORM)(platform.up)
app.command(rich_help_panel=PLATFORM)(platform.down)
app.command(rich_help_panel=PLATFORM)(platform.status)
app.command(rich_help_panel=PLATFORM)(doctor.doctor)
app.command(rich_help_panel=PLATFORM)(platform.setup)
app.command(rich_help_panel=PLATFORM)(demo.demo)
app.command(rich_help_panel=DATA)(read.read)
app.add_typer(catalog.app, name="catalog", rich_help_panel=DATA)
app.add_typer(exports.app, name="export", rich_help_panel=DATA)
app.command(rich_help_panel=DATA)(predictions.predictions)
app.command(rich_help_panel=DATA)(subject.subject)
app.add_typer(access.app, name="access", rich_help_panel=DATA)
app.add_typer(audit.app, name="audit", rich_help_panel=DATA)
app.add_typer(gateway.app, name="gateway", rich_help_panel=MODELS)
app.add_typer(release.app, name="release", rich_help_panel=MODELS)
app.command(rich_help_panel=MODELS)(reproduce.reproduce)
app.add_typer(compliance.app, name="compliance", rich_help_panel=MODELS)
app.command(rich_help_panel=DEVELOPMENT)(check.check)
app.command(rich_help_panel=DEVELOPMENT)(bench.bench)


def run() -> None:
    """The console script. An error of Moebius, a full disk or an unusable state root ends it with 1 and one line."""
    try:
        app()
    except MoebiusError as error:
        sys.exit(report(error))
    except Exception as error:
        from include.services.disks import disk_full, unusable_place
        from include.settings import load_settings

        if fault := disk_full(load_settings(), error) or unusable_place(load_settings(), error):
            sys.exit(report(fault))
        raise
