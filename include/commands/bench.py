"""``moebius bench``."""

import subprocess
import sys
from typing import Annotated

import typer


def bench(names: Annotated[list[str] | None, typer.Argument(help="names of benches; default: all")] = None) -> None:
    """Measure Moebius against its peers in the same run; writes bench/<name>.json below the state root."""
    from include.settings import ROOT

    command = [sys.executable, "-m", "tests.benchmarks", *(names or [])]
    raise typer.Exit(subprocess.run(command, cwd=ROOT, check=False).returncode)
