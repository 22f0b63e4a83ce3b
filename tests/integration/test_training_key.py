"""What a fit in a process of its own executes and loads is what the key of a training holds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from include.development import training_key
from include.development.order import Order, Workspace
from include.settings import ROOT
from tests.unit.development.frames import PERIODS, build, events, flight_spec
from tests.unit.development.test_training_key import BESIDE
from tests.unit.fakes.state import MemoryLocks

pytestmark = pytest.mark.integration
FIT = """
import json, pathlib, sys
import include.development.training, include.development.trainers.xgboost
from include.development.order import Workspace
from include.adapters.file_locks import FileLocks
home = pathlib.Path(sys.argv[1])
place, executed = Workspace(home, FileLocks(home)), set()

def note(frame, event, argument):
    if event == "call" and frame.f_code.co_name != "<module>":
        executed.add(frame.f_globals.get("__name__", ""))

sys.setprofile(note)
from include.specification.loader import load_usecase
include.development.training.train(load_usecase("flight_delay"), place, 1, {})
sys.setprofile(None)
ours = lambda names: sorted(n.removeprefix("include.") for n in names if n.startswith("include."))
files = {n for n, m in sys.modules.items() if getattr(m, "__file__", None) and not m.__file__.endswith("__init__.py")}
print(json.dumps({"executed": ours(executed), "loaded": ours(files)}))
"""


@pytest.mark.parametrize("trials", [0, 2])
def test_a_real_fit_runs_the_list_and_loads_nothing_else(tmp_path: Path, trials: int) -> None:
    # so many that the validation part is enough for a calibrator
    dataset = build(tmp_path / "datasets", {period: events(period, 2000) for period in PERIODS})
    order = Order(dataset=dataset, parameters={"n_estimators": 5}, trials=trials, search="s" * 16)
    Workspace(tmp_path / "order", MemoryLocks()).write_order(order)
    command = [sys.executable, "-c", FIT, str(tmp_path / "order")]
    told = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert set(told["executed"]) - set(BESIDE) == set(training_key.modules(flight_spec(), bool(trials)))
    assert set(told["loaded"]) <= {*training_key.modules(flight_spec(), True), *BESIDE}
