"""The search: it keeps its budget, survives a kill, and says whether it paid."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from include.adapters.file_locks import FileLocks
from include.development.search.study import Aim, Budget, Place, Study
from include.development.search.tuning import Tuning, open_study, outcome, work
from include.development.trainers.protocol import Matrix, Problem, Run
from include.errors import DamagedStateError, TrainingError
from include.specification.learning import Range
from include.specification.learning import Tuning as Policy
from tests.unit.fakes.damage import KINDS, damage

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(400, 1)).astype(np.float32)
Y = RANDOM.random(400) < 1 / (1 + np.exp(-3 * X[:, 0]))
PARTS = SimpleNamespace(
    matrices={"train": Matrix(X, Y), "validation": Matrix(X, Y)}, truth={"validation": Y}, problem=Problem("binary", ())
)
SPACE = {"slope": Range(low=-4, high=4), "seed": [0]}


class Slope:
    """Fits nothing: the parameter is the model. It reports a loss that falls the faster, the better it is."""

    name, predicts = "slope", frozenset({"class"})
    defaults = MappingProxyType({"slope": 0.0, "seed": 0})
    space = SPACE

    def fit(self, problem: Any, train: Matrix, validation: Matrix, parameters: Any, run: Run) -> Any:
        slope = float(parameters["slope"])
        if slope > 3.9:
            raise TrainingError(f"slope {slope} is too steep")
        for step in range(1, 33) if run.report else ():
            run.report(step, abs(slope - 3) / step)
        return SimpleNamespace(predict=lambda X: 1 / (1 + np.exp(-slope * X[:, 0].astype(np.float64))))

    def load(self, problem: Any, content: bytes) -> Any:
        raise NotImplementedError


def place(home: Path) -> Place:
    return Place(home, FileLocks(home), "search")


def search(home: Path, policy: Policy, start: dict[str, Any] | None = None, told: Callable = lambda _: None) -> Tuning:
    start = start or {"slope": 0.0, "seed": 0}
    study = open_study(place(home), Slope(), policy, start, "brier")
    work(study, Slope(), PARTS, policy, "brier", Run(), told)
    return outcome(study, PARTS, policy, "brier", start)


def test_a_search_that_pays(tmp_path: Path) -> None:
    tuning = search(tmp_path, Policy(trials=20))
    assert tuning.complete + tuning.pruned + tuning.failed == 20
    assert tuning.paid
    assert tuning.gain
    assert tuning.gain.low > 0.02
    assert tuning.parameters["slope"] == pytest.approx(3, abs=1)
    assert tuning.best_score < tuning.start_score == pytest.approx(0.25)
    assert "20 trials (tpe;" in tuning.describe()
    assert "The search paid" in tuning.describe()


def test_a_search_that_does_not_pay_keeps_the_start(tmp_path: Path) -> None:
    start = {"slope": 3.0, "seed": 0}
    tuning = search(tmp_path, Policy(trials=5, sampler="random", pruning=False), start)
    assert not tuning.paid
    assert tuning.parameters == start
    assert "did not pay: the start was kept" in tuning.describe()


def test_trials_that_look_bad_on_the_way_are_pruned(tmp_path: Path) -> None:
    told: list = []
    tuning = search(tmp_path, Policy(trials=20, sampler="random"), told=told.append)
    assert tuning.pruned > 0
    assert {r.state for r in told} <= {"complete", "pruned", "failed"}
    pruned = next(r for r in told if r.state == "pruned")
    assert pruned.value is None
    assert 0 < len(pruned.steps) < len(told[0].steps) <= 2 * math.log2(32) + 1


def test_a_failed_trial_is_recorded_and_the_search_goes_on(tmp_path: Path) -> None:
    told: list = []
    policy = Policy(trials=3, sampler="grid", space={"slope": [3.95, 3.0]})
    tuning = search(tmp_path, policy, told=told.append)
    assert (tuning.complete, tuning.failed) == (2, 1)
    assert "too steep" in next(r.reason for r in told if r.state == "failed")
    assert tuning.parameters["slope"] == 3.0


def test_a_start_that_cannot_be_fitted_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="too steep"):
        search(tmp_path, Policy(trials=3), {"slope": 4.0, "seed": 0})


def test_a_grid_tries_each_point_once(tmp_path: Path) -> None:
    told: list = []
    search(tmp_path, Policy(trials=50, sampler="grid", pruning=False, space={"slope": [1, 2, 3]}), told=told.append)
    assert sorted(r.parameters["slope"] for r in told) == [0.0, 1, 2, 3]


@pytest.mark.parametrize("sampler", ["grid", "random", "tpe"])
@pytest.mark.parametrize("start", [{"slope": 2, "seed": 0}, {"slope": 2.0, "seed": 0}])
def test_a_search_does_not_try_its_start_twice(tmp_path: Path, sampler: Any, start: dict[str, Any]) -> None:
    told: list = []
    policy = Policy(trials=50, sampler=sampler, pruning=False, space={"slope": [1, 2, 3]})
    tuning = search(tmp_path, policy, start, told.append)
    assert sorted(r.parameters["slope"] for r in told) == [1, 2, 3]
    assert (tuning.complete, tuning.failed, tuning.pruned) == (3, 0, 0)


SMALL = {
    "choices": {"slope": [0.5, 1.5, 2.5]},
    "choices twice": {"slope": [0.5, 1.5, 2.5, 0.5]},
    "whole numbers": {"slope": Range(low=1, high=3, integer=True)},
    "whole numbers on a log scale": {"slope": Range(low=1, high=3, integer=True, log=True)},
    "two of them": {"slope": Range(low=1, high=3, integer=True), "seed": [0]},
}


@pytest.mark.parametrize("sampler", ["random", "tpe"])
@pytest.mark.parametrize("space", SMALL)
def test_a_small_space_is_not_sampled_again(tmp_path: Path, sampler: Any, space: str) -> None:
    told: list = []
    policy = Policy(trials=12, sampler=sampler, space=SMALL[space])
    search(tmp_path, policy, told=told.append)
    tried = [r.parameters["slope"] for r in told]
    assert len(tried) == len(set(tried)) == 4, "each point, and the start, which the space does not have"
    search(tmp_path, policy, told=told.append)
    assert len(told) == 4, "and nothing again when it is asked again"


def test_a_small_space_is_shared_by_workers_without_a_point_twice(tmp_path: Path) -> None:
    aim = Aim({"slope": Range(low=1, high=6, integer=True)}, {"slope": 1.0, "seed": 0}, -1)
    studies = [Study(place(tmp_path), aim) for _ in range(2)]
    with ExitStack() as stack:
        claims = []
        while claim := studies[len(claims) % 2].claim(Budget(50)):
            claims.append(stack.enter_context(closing(claim)))
        assert sorted(float(claim.parameters["slope"]) for claim in claims) == [1, 2, 3, 4, 5, 6]


def test_a_larger_budget_goes_on_and_the_same_one_is_used_up(tmp_path: Path) -> None:
    told: list = []
    search(tmp_path, Policy(trials=4), told=told.append)
    first = search(tmp_path, Policy(trials=4), told=told.append)
    assert len(told) == 4
    second = search(tmp_path, Policy(trials=6), told=told.append)
    assert len(told) == 6
    assert first.complete + first.pruned + first.failed == 4 < second.complete + second.pruned + second.failed


def test_one_worker_tries_the_same_again(tmp_path: Path) -> None:
    trials: dict[str, list] = {"a": [], "b": []}
    for name, told in trials.items():
        search(tmp_path / name, Policy(trials=12), told=told.append)
    assert [r.parameters for r in trials["a"]] == [r.parameters for r in trials["b"]]


def test_the_time_is_kept(tmp_path: Path) -> None:
    study = Study(place(tmp_path), Aim(SPACE, {"slope": 0.0}, -1))
    with closing(study.claim(Budget(9, seconds=0.0))) as first:
        assert first.trial, "the first trial always runs"
        assert not first.late, "and is never cut short"
        assert study.claim(Budget(9, seconds=0.0)) is None
        with closing(study.claim(Budget(9, seconds=study.seconds() + 0.05))) as second:
            time.sleep(0.06)
            assert second.late


def test_no_two_workers_take_the_same_trial(tmp_path: Path) -> None:
    studies = [Study(place(tmp_path), Aim(SPACE, {"slope": 0.0}, -1)) for _ in range(2)]
    with ExitStack() as stack:
        taken = [stack.enter_context(closing(study.claim(Budget(3)))).trial.number for study in (*studies, studies[0])]
        assert taken == [0, 1, 2]
        assert studies[1].claim(Budget(3)) is None


WORKER = """
import sys, time
from pathlib import Path
from include.adapters.file_locks import FileLocks
from include.development.search.study import Budget
from tests.unit.development.search.test_tuning import Aim, SPACE, Study, place
claim = Study(place(Path(sys.argv[1])), Aim(SPACE, {"slope": 0.0}, -1, "random")).claim(Budget(3))
print(claim.parameters["slope"], flush=True)
time.sleep(60)
"""


def test_what_a_killed_worker_tried_is_tried_again_within_the_budget(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    study = Study(place(tmp_path), Aim(SPACE, {"slope": 0.0}, -1, "random"))
    first = study.claim(Budget(3))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as worker:
        assert worker.stdout
        killed = float(worker.stdout.readline())
        worker.send_signal(signal.SIGKILL)
    study.tell(first, 0.25, np.zeros(3))
    again = study.claim(Budget(3))
    assert again.parameters["slope"] == killed
    study.tell(again, 0.2, np.zeros(3))
    study.tell(study.claim(Budget(3)), 0.3, np.zeros(3))
    assert study.claim(Budget(3)) is None
    assert [r.state for r in study.records()] == ["complete"] * 3
    study.tidy()
    assert len(list(tmp_path.glob("scores-*.npy"))) == 2


@pytest.mark.parametrize(
    ("policy", "complaint"),
    [
        (Policy(trials=2, space={"depth": [1]}), r"space names \['depth'\]; slope has seed, slope"),
        (Policy(trials=2, sampler="grid"), r"a grid needs lists of choices; \['slope'\] are ranges"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(tmp_path: Path, policy: Policy, complaint: str) -> None:
    with pytest.raises(TrainingError, match=complaint):
        search(tmp_path, policy)


def test_without_a_search_that_is_said() -> None:
    assert "No search (0 trials)" in Tuning(metric="brier", parameters={}).describe()


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_search_goes_on_or_says_how_it_begins_again(tmp_path: Path, kind: str) -> None:
    aim = Aim(SPACE, {"slope": 0.0}, -1)
    claim = Study(place(tmp_path), aim).claim(Budget(3))
    assert claim is not None
    claim.close()
    damage(tmp_path / "journal.log", kind)
    try:
        Study(place(tmp_path), aim)
    except DamagedStateError as error:
        assert f"{tmp_path / 'journal.log'} is damaged" in str(error)  # noqa: PT017 - either end is right
        assert f"delete {tmp_path}, and the search begins again" in str(error)  # noqa: PT017
