"""A metric without a value stops no evaluation: by the champion's answers, by its proof's, or by the labels."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.contracts.evaluation import Verdict
from include.evaluation.four_comparisons import compare
from include.evaluation.inputs import Side
from include.evaluation.report import render
from tests.unit.evaluation.test_tasks_compared import ROWS, model, part, spec_of


def one_cluster(*sets: int) -> Any:
    """A model that puts every row of these sets in one cluster, and clusters all other rows well."""
    known = {float(part("clustering", seed).frame["z"].iloc[0]) for seed in sets}

    def predict(frame: pd.DataFrame) -> np.ndarray:
        if float(frame["z"].iloc[0]) in known:
            return np.tile([0.0, 1.0], (len(frame), 1))
        return np.asarray(model("clustering", 0.2, 2)(frame))

    return predict


def against(champion: Any, proof: Any = None, candidate: float = 0.2, **changes: Any) -> Verdict:
    return compare(
        spec_of("clustering", **changes),
        candidate=Side(3, model("clustering", candidate, 1)),
        champion=Side(2, champion, release="r0001"),
        champion_proof=Side(1, proof) if proof else None,
        old=part("clustering", 3),
        new=part("clustering", 6),
    )


def test_a_champion_of_one_cluster_stops_no_evaluation_and_the_candidate_is_judged_alone() -> None:
    found = against(one_cluster(6))
    assert found.reason.startswith(
        "Of the champion on the new test set all 1200 rows are in one cluster, so its silhouette is not defined. The "
        "candidate is judged alone, by the absolute limits. "
    )
    assert "gates failed, 2 could not be judged: acceptance:silhouette: silhouette 0.34" in found.reason
    assert (found.decision, found.champion, found.champion_release) == ("canary", 2, "r0001")
    assert ({c.name for c in found.cells}, found.differences, found.gain_by_part) == ({"D"}, {}, [])
    assert found.probability is found.probability_needed is None, "there is nothing to gain over"
    assert "shuffled answers: refused by acceptance:silhouette" in found.self_test
    assert "Champion: model 2, release r0001." in render(found)


def test_alone_a_bad_candidate_stays_out() -> None:
    found = against(one_cluster(3, 6), candidate=30.0)
    assert (found.decision, found.rule) == ("keep_champion", "acceptance:silhouette")


def test_a_proof_of_one_cluster_on_the_old_test_set_leaves_the_gain_to_judge() -> None:
    found = against(model("clustering", 3.0, 2), proof=one_cluster(3))
    assert "one cluster, so its silhouette is not defined: what was forgotten is not judged" in found.reason
    assert {c.name for c in found.cells} == {"C", "D"}
    assert (found.decision, found.probability_needed) == ("canary", pytest.approx(0.9))
    assert not [g for g in found.gates if g.gate == "forgetting"]


@pytest.mark.parametrize(("others", "told"), [(0, "all"), (9, "all but 9")])
def test_numbers_that_are_all_alike_are_a_data_problem(others: int, told: str) -> None:
    new = part("regression", 6)
    new.frame["late"] = np.where(np.arange(ROWS) < others, new.frame["late"], 5.5)
    sides = {"candidate": Side(2, model("regression", 0.2, 1)), "champion": Side(1, model("regression", 0.3, 2))}
    found = compare(spec_of("regression"), **sides, old=part("regression", 3), new=new)
    assert (found.decision, found.rule) == ("data_problem", "usable test sets")
    assert f"{told} of the 1200 labels of the new test set are 5.5; 10 others are needed for r2" in found.reason
    without = {"metrics": {"primary": "mae", "secondary": ["rmse"]}, "acceptance": [{"metric": "mae", "at_most": 5.0}]}
    found = compare(spec_of("regression", **without), **sides, old=part("regression", 3), new=new)
    assert found.decision == "keep_champion", "the other metrics have a value"


def test_numbers_that_differ_on_one_day_only_are_a_data_problem() -> None:
    """Most of the days that are drawn have labels of one number."""
    new = part("regression", 6)
    day = np.arange(ROWS) * 20 // ROWS
    new.frame["event_timestamp"] = pd.Timestamp("2013-06-01T16:00", tz="UTC") + pd.to_timedelta(day, unit="D")
    new.frame["late"] = np.where(day == 0, new.frame["late"], 5.5)
    side = Side(2, model("regression", 0.2, 1))
    found = compare(
        spec_of("regression", comparison={"block": "day"}), candidate=side, champion=None, old=None, new=new
    )
    assert found.decision == "data_problem"
    assert "resamples define it; the test set of 1200 rows has too few rows of a class, or too few" in found.reason
