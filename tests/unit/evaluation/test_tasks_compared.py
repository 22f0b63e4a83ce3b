"""The four comparisons of every task, and of the average of champion and candidate."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.contracts.evaluation import Verdict
from include.errors import EvaluationError
from include.evaluation.four_comparisons import compare
from include.evaluation.inputs import EvaluationSet, Side
from include.evaluation.report import render
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec

ROWS = 1200
NO_LABEL = {"label": None, "label_time": None}


def spec_of(task: str, **changes: Any) -> UseCase:
    """One spec per task; its features are the numbers ``x`` and ``z`` and the category ``origin``."""
    features = [
        {"name": "x", "kind": "numeric", "from": "on_request"},
        {"name": "z", "kind": "numeric", "from": "on_request"},
        {"name": "origin", "kind": "categorical", "from": "request"},
    ]
    parts: dict[str, dict[str, Any]] = {
        "multiclass": {
            "event": {"classes": ["low", "mid", "high"]},
            "metrics": {"primary": "f1_macro", "secondary": ["accuracy", "log_loss", "roc_auc_ovr", "brier"]},
            "acceptance": [{"metric": "accuracy", "at_least": 0.55}],
        },
        "regression": {
            "metrics": {"primary": "mae", "secondary": ["rmse", "r2", "median_absolute_error"]},
            "acceptance": [{"metric": "r2", "at_least": 0.2, "bound": "lower"}],
        },
        "clustering": {
            "event": NO_LABEL,
            "metrics": {"primary": "silhouette", "secondary": []},
            "acceptance": [{"metric": "silhouette", "at_least": 0.2}],
        },
    }
    return small_spec(task=task, features=features, **(parts[task] | changes))


def part(task: str, seed: int) -> EvaluationSet:
    random = np.random.default_rng(seed)
    where = random.integers(0, 3, ROWS)
    frame = pd.DataFrame({"x": 4.0 * where + random.normal(size=ROWS), "z": random.normal(size=ROWS)})
    frame["origin"] = random.choice(["JFK", "LGA"], ROWS)
    frame["flight_id"] = [f"{seed}-{i}" for i in range(ROWS)]
    labels = {"multiclass": where, "regression": frame["x"] + random.normal(size=ROWS) * 0.3}
    if task in labels:
        frame["late"] = labels[task]
    return EvaluationSet(frame, f"hash{seed}", [f"2013-{seed:02d}"])


def model(task: str, noise: float, seed: int) -> Any:
    """A model that sees ``x`` through noise of this many standard deviations, always the same for the same row."""

    def predict(frame: pd.DataFrame) -> np.ndarray:
        seen = frame["x"].to_numpy() + noise * np.sin((997 + 101 * seed) * frame["z"].to_numpy())
        if task == "regression":
            return seen
        near = -np.abs(seen[:, None] - np.array([0.0, 4.0, 8.0]))
        return near if task == "clustering" else np.exp(near) / np.exp(near).sum(axis=1, keepdims=True)

    return predict


def verdict(task: str, candidate: float, champion: float | None, **changes: Any) -> Verdict:
    members = changes.pop("members", ())
    return compare(
        spec_of(task, **changes),
        candidate=Side(2, model(task, candidate, 1), members=members),
        champion=None if champion is None else Side(1, model(task, champion, 2), release="r0001"),
        old=part(task, 3),
        new=part(task, 6),
    )


TASKS = ["multiclass", "regression", "clustering"]


@pytest.mark.parametrize("task", TASKS)
def test_a_better_candidate_goes_out_and_a_worse_one_does_not(task: str) -> None:
    better, worse = verdict(task, 0.2, 3.0), verdict(task, 3.0, 0.2)
    assert (better.decision, worse.decision) == ("canary", "keep_champion")
    assert "gain" in {g.gate for g in worse.gates if not g.passed}
    primary = spec_of(task).metrics.primary
    assert better.differences[f"D-C {primary}"].low > 0 > worse.differences[f"D-C {primary}"].high
    assert "shuffled answers: refused by" in better.self_test
    assert {c.name for c in better.cells} == set("ABCD")


@pytest.mark.parametrize("task", TASKS)
def test_a_tie_is_no_gain_and_a_first_release_needs_none(task: str) -> None:
    tie = compare(
        spec_of(task),
        candidate=Side(2, model(task, 0.2, 2)),
        champion=Side(1, model(task, 0.2, 2)),
        old=part(task, 3),
        new=part(task, 6),
    )
    assert (tie.decision, tie.rule) == ("keep_champion", "gain")
    assert verdict(task, 0.2, None).decision == "canary"


@pytest.mark.parametrize("task", TASKS)
def test_only_probabilities_are_calibrated(task: str) -> None:
    gates = {g.gate for g in verdict(task, 0.2, 3.0).gates}
    assert ("calibration" in gates) == (task == "multiclass")


def test_labels_that_are_not_there_yet_are_a_data_problem() -> None:
    new = part("regression", 6)
    new.frame.loc[:9, "late"] = np.nan
    side = Side(2, model("regression", 0.2, 1))
    found = compare(spec_of("regression"), candidate=side, champion=None, old=None, new=new)
    assert "10 of 1200 rows of the new test set have no label yet" in found.reason


def test_a_class_without_rows_is_a_data_problem_that_names_it() -> None:
    new = part("multiclass", 6)
    new.frame.loc[new.frame["late"] == 2, "late"] = 0
    side = Side(2, model("multiclass", 0.2, 1))
    found = compare(spec_of("multiclass"), candidate=side, champion=None, old=None, new=new)
    assert "only 0 rows of class high; 10 of each are needed" in found.reason


def test_one_cluster_for_all_is_no_clustering() -> None:
    side = Side(2, lambda frame: np.tile([0.0, 1.0], (len(frame), 1)))
    with pytest.raises(EvaluationError, match="silhouette of candidate is undefined: all 1200 rows are in one cluster"):
        compare(spec_of("clustering"), candidate=side, champion=None, old=None, new=part("clustering", 6))


def test_a_slice_on_which_the_metric_is_undefined_is_not_judged_and_said() -> None:
    same = {"primary": "r2", "secondary": []}
    new = part("regression", 6)
    new.frame.loc[new.frame["origin"] == "JFK", "late"] = 1.0
    side = Side(2, model("regression", 0.2, 1))
    acceptance = [{"metric": "mae", "at_most": 3.2}]
    spec = spec_of("regression", metrics=same, acceptance=acceptance)
    found = compare(spec, candidate=side, champion=None, old=None, new=new)
    [outcome] = [g for g in found.gates if g.gate == "slices:unjudged"]
    assert "origin=JFK (r2 of candidate is undefined: all" in outcome.detail


ENSEMBLE = {"trainer": {"ensemble": True}}


def test_an_average_that_beats_both_is_taken_and_said() -> None:
    found = verdict("regression", 1.0, 1.2, **ENSEMBLE)
    assert (found.contender, found.decision) == ("ensemble", "canary")
    assert found.ensemble_gain is not None
    assert found.ensemble_gain.low > 0
    assert found.reason.startswith("The average of champion and candidate is taken instead of the candidate")
    assert found.other is not None
    assert (found.other.who, found.other.decision) == ("candidate", "canary")
    mae = {c.name: c.figure.value for c in found.cells if c.metric == "mae"}
    [alone] = [c.figure.value for c in found.other.cells if (c.metric, c.name) == ("mae", "D")]
    assert alone - mae["D"] == pytest.approx(found.ensemble_gain.value)
    assert "## The candidate alone, not chosen: release it step by step" in render(found)


def test_an_average_with_a_bad_champion_is_not_taken() -> None:
    found = verdict("regression", 0.2, 4.0, **ENSEMBLE)
    assert (found.contender, found.decision) == ("candidate", "canary")
    assert "is not taken: over the candidate alone it gains -" in found.reason
    assert found.other is not None
    assert found.other.who == "ensemble"


def test_an_average_that_does_not_pass_is_not_taken() -> None:
    strict = {"acceptance": [{"metric": "mae", "at_most": 0.1}]}
    found = verdict("regression", 1.0, 1.2, **ENSEMBLE, **strict)
    assert found.ensemble_gain is not None
    assert found.ensemble_gain.low > 0
    # the champion misses the limit, too, so nobody but a person refuses the candidate
    assert (found.contender, found.decision) == ("candidate", "ask_human")


def test_a_second_contender_widens_every_interval() -> None:
    alone, two = verdict("regression", 1.0, 1.2), verdict("regression", 1.0, 1.2, **ENSEMBLE)
    assert two.other is not None
    narrow, wide = (
        next(c.figure for c in cells if (c.metric, c.name) == ("mae", "D")) for cells in (alone.cells, two.other.cells)
    )
    assert wide.value == narrow.value
    assert wide.low < narrow.low < narrow.high < wide.high


def test_clusters_and_ensembles_are_not_averaged_again() -> None:
    assert verdict("clustering", 0.2, 3.0, **ENSEMBLE).ensemble_gain is None
    assert verdict("regression", 0.2, 3.0, members=(1, 2), **ENSEMBLE).ensemble_gain is None
    assert verdict("regression", 0.2, None, **ENSEMBLE).ensemble_gain is None


def test_groups_that_are_too_far_apart_are_for_a_person_to_weigh() -> None:
    new = part("regression", 6)
    new.frame.loc[new.frame["origin"] == "JFK", "late"] += 2.0
    side = Side(2, model("regression", 0.2, 1))
    fairness = {"groups": ["origin"], "limits": {"error_gap": 0.5}}
    spec = spec_of("regression", fairness=fairness)
    found = compare(spec, candidate=side, champion=None, old=None, new=new)
    assert (found.decision, found.rule) == ("ask_human", "fairness:error_gap:origin")
    assert "apart in error_gap on 1200 rows that say as much as" in found.reason
    assert "at most 0.5 is allowed" in found.reason


def test_models_of_different_features_are_not_averaged() -> None:
    sides = [Side(v, model("regression", 1.0, v), release="r0001", signature=f"features v{v}") for v in (1, 2)]
    sets = {"old": part("regression", 3), "new": part("regression", 6)}
    found = compare(spec_of("regression", **ENSEMBLE), candidate=sides[1], champion=sides[0], **sets)
    assert found.ensemble_gain is None
