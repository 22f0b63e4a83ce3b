"""``make bench [NAME=…]``: every bench module has ``bench()``; figures go to ``var/bench/<name>.json``."""

import importlib
import json
import os
import platform
import sys
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from include.formats.atomic_file import write_atomically
from include.settings import load_settings

HERE = Path(__file__).parent


def results(module: str) -> list[dict[str, Any]]:
    """What one bench module measured, completed with machine and date; ratio = ours / peer."""
    measured = importlib.import_module(f"tests.benchmarks.{module}").bench()
    found = measured if isinstance(measured, list) else [measured]
    return [_complete(one) for one in found]


def _complete(one: dict[str, Any]) -> dict[str, Any]:
    ratio = {peer: round(one["ours"] / figure, 3) for peer, figure in one["against"].items() if figure}
    machine = f"{platform.machine()}, {platform.processor() or 'unknown cpu'}, Python {platform.python_version()}"
    return {**one, "ratio": ratio, "machine": machine, "date": date.today().isoformat()}


def main(wanted: list[str]) -> int:
    modules = sorted(p.stem for p in HERE.glob("*.py") if not p.stem.startswith("_"))
    if unknown := set(wanted) - set(modules):
        print(f"no bench {sorted(unknown)}; there are: {', '.join(modules)}")
        return 2
    table = Table()
    for column in ("bench", "ours", "unit", "against", "ratio"):
        table.add_column(column, overflow="fold")
    for module in wanted or modules:
        for one in results(module):
            path = load_settings().home / "bench" / f"{one['name']}.json"
            write_atomically(path, json.dumps(one, indent=1))
            peers = ", ".join(f"{k} {v:.4g}" for k, v in one["against"].items())
            ratios = ", ".join(f"{k} {v:.3g}" for k, v in one["ratio"].items())
            table.add_row(one["name"], f"{one['ours']:.4g}", one["unit"], peers, ratios)
    Console().print(table)
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # DuckDB reports its own objects as leaked at a normal exit
