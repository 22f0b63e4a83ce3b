"""What it costs each task to write down what it took."""

import statistics
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from include.orchestration import task_costs
from include.services import composition
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase

SPEC = load_usecase("flight_delay")
TASKS, ROUNDS = 200, 5
TASK = SimpleNamespace(dag_id=f"{SPEC.name}.training", task_id="fit", run_id="manual", map_index=-1, try_number=1)


def bench() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home:
        services = Services(Settings(home=Path(home)))
        with (
            patch.object(composition, "services", lambda: services),
            patch.object(task_costs, "get_current_context", lambda: {"ti": TASK}),
        ):
            _milliseconds()  # imports
            samples = [_milliseconds() for _ in range(ROUNDS)]
    return {
        "name": "task_costs",
        "what": "what a task adds to measure itself and to write its line",
        "ours": statistics.median(samples),
        "against": {},
        "unit": "ms",
        "n": TASKS,
        "samples": samples,
    }


def _milliseconds() -> float:
    """CPU time of one empty task, of many."""
    begun = time.process_time()
    for _ in range(TASKS):
        with task_costs.measured(SPEC) as named:
            named({"version": 1})
    return 1000 * (time.process_time() - begun) / TASKS
