"""A fit that the system kills goes on, in another process, to the very model that it would have become."""

import subprocess
import sys
from pathlib import Path

import pytest

from include.development.trainers.protocol import Run
from tests.unit.development.trainers.trainer_cases import EPOCHS, TABLE, Case, fit
from tests.waiting import wait_until

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

    def begun() -> bool:
        assert process.poll() is None, "the fit ended before it was killed"
        return any(tmp_path.glob("*.checkpoint"))

    wait_until(begun, 120, "a checkpoint")
    process.kill()
    process.wait()
    steps: list[int] = []
    resumed = fit(CASE, Run(checkpoint=tmp_path, report=lambda step, loss: steps.append(step)))
    assert 1 < steps[0] < 30
    assert resumed.save() == fit(CASE).save()
