"""A fit that the system kills goes on, in another process, to the very model that it would have become."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from include.development.trainers.protocol import Run
from tests.unit.development.trainers.trainer_cases import EPOCHS, TABLE, Case, fit

pytestmark = pytest.mark.integration

CASE = Case("torch_tabular", TABLE, "binary", {**EPOCHS, "epochs": 30, "patience": 0})
SLOWLY = """
import sys, time
from pathlib import Path
from include.development.trainers.protocol import Run
from tests.integration.test_killed_fit import CASE, fit
fit(CASE, Run(checkpoint=Path(sys.argv[1]), report=lambda step, loss: time.sleep(0.2)))
"""


def test_a_fit_that_is_killed_by_the_system_resumes(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", SLOWLY, str(tmp_path)])
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("*.checkpoint")):
        assert process.poll() is None, "the fit ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    steps: list[int] = []
    resumed = fit(CASE, Run(checkpoint=tmp_path, report=lambda step, loss: steps.append(step)))
    assert 1 < steps[0] < 30
    assert resumed.save() == fit(CASE).save()
