import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.contracts.evaluation import Verdict
from include.errors import EvaluationError, LeakageError
from include.evaluation.four_comparisons import compare
from include.evaluation.inputs import EvaluationSet, Side
from include.evaluation.report import render
from tests.unit.evaluation.evaluation_specs import small_spec

SPEC = small_spec()


def answers(column: str) -> Callable[[pd.DataFrame], np.ndarray]:
    """A model whose probability is a function of what the row carries."""
    return {
        "good": lambda f: 1 / (1 + np.exp(-(f["x"].to_numpy() - 1))),
        "weak": lambda f: 1 / (1 + np.exp(-(0.3 * f["x"].to_numpy() + 3 * np.sin(91 * f["x"].to_numpy()) - 1))),
        "constant": lambda f: np.full(len(f), 0.3),
        "nan": lambda f: np.full(len(f), np.nan),
    }[column]


def part(seed: int, n: int = 3000, **changes: Any) -> EvaluationSet:
    random = np.random.default_rng(seed)
    x = random.normal(size=n) * 1.5
    late = (random.random(n) < 1 / (1 + np.exp(-(x - 1)))).astype(int)
    frame = pd.DataFrame(
        {
            "flight_id": [f"{seed}-{i}" for i in range(n)],
            "x": x,
            "late": late,
            "origin": random.choice(["JFK", "LGA"], n),
        }
    )
    return EvaluationSet(frame.assign(**changes), f"hash{seed}", [f"2013-{seed:02d}"])


def verdict(candidate: str, champion: str | None, new: EvaluationSet | None = None, **changes: Any) -> Verdict:
    return compare(
        changes.pop("spec", SPEC),
        candidate=Side(2, answers(candidate), **changes),
        champion=Side(1, answers(champion), release="r0001") if champion else None,
        old=part(3) if champion else None,
        new=new or part(6),
        seed=1,
    )


def test_a_better_candidate_goes_out_with_all_four_cells() -> None:
    found = verdict("good", "weak")
    assert found.decision == "canary"
    assert found.champion_release == "r0001"
    metrics = ["roc_auc", "average_precision", "brier", "log_loss"]
    assert [(c.metric, c.name) for c in found.cells] == [(m, n) for m in metrics for n in "ABCD"]
    assert set(found.differences) == {f"{pair} {m}" for m in metrics for pair in ("D-C", "B-A", "C-A", "D-B")}
    assert found.differences["D-C brier"].low > 0
    assert "the champion against itself: refused by gain" in found.self_test


def test_a_worse_an_equal_and_a_constant_candidate_stay_out() -> None:
    assert verdict("weak", "good").decision == "keep_champion"
    equal = verdict("good", "good")
    assert (equal.decision, equal.rule, equal.differences["D-C roc_auc"].high) == ("keep_champion", "gain", 0)
    assert verdict("constant", "weak").decision == "keep_champion"


def test_the_same_seed_gives_the_same_figures() -> None:
    first, second = verdict("good", "weak"), verdict("good", "weak")
    assert first.cells == second.cells
    assert first.gates == second.gates


def test_a_first_release_says_so_and_has_only_its_own_cell() -> None:
    found = verdict("good", None)
    assert found.decision == "canary"
    assert found.reason.startswith("First release, no champion")
    assert {c.name for c in found.cells} == {"D"}
    assert (found.champion, found.differences) == (None, {})


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (part(6, n=499), "has 499 rows; 500 are needed"),
        (part(6, late=0), "only 0 rows of class 1"),
        (part(6, late=np.nan), "3000 of 3000 rows of the new test set have no label yet"),
        (part(3), "no newer labelled period"),
        (
            replace(part(6), periods=["2013-03", "2013-04"]),
            r"\(2013-03 to 2013-04\) is not later than the one that the",
        ),
        (part(2), r"\(2013-02\) is not later than the one that the champion was released with \(2013-03\): choose"),
        (EvaluationSet(part(6).frame.drop(columns="x"), "h", []), r"lacks the columns \['x'\]"),
    ],
)
def test_an_unusable_test_set_is_a_data_problem(new: EvaluationSet, words: str) -> None:
    found = verdict("good", "weak", new)
    assert found.decision == "data_problem"
    assert re.search(words, found.reason)


def test_the_rows_of_a_window_are_pooled_and_the_verdict_says_which_and_how_many() -> None:
    window = replace(part(6), periods=[f"2013-06-{day:02d}" for day in range(1, 15)])
    found = verdict("good", "weak", window)
    assert found.windows == {"old": "2013-03", "new": "2013-06-01 to 2013-06-14"}
    assert {cell.figure.n for cell in found.cells} == {3000}
    sets = "- New test set, 2013-06-01 to 2013-06-14: 3,000 rows, each counted as independent of the others."
    assert sets in render(found)
    assert "- Old test set, 2013-03: 3,000 rows" in render(found)
    known = {"old_set": "2013-03-abc", "old_set_judged": 1, "champion_proof": 4}
    assert (
        "- The old test set is that of dataset 2013-03-abc, which has judged 1 other candidate before; model 4, whose "
        "refit serves, answers it." in render(found.model_copy(update=known))
    )
    first = render(verdict("good", None))
    assert "- New test set, 2013-06: 3,000 rows" in first
    assert "Old test set" not in first


def test_a_missing_test_set_is_a_data_problem() -> None:
    side = Side(2, answers("good"))
    found = compare(SPEC, candidate=side, champion=side, old=None, new=part(6))
    assert "there is no old test set" in found.reason


@pytest.mark.parametrize(
    "seen",
    [
        {"training_hashes": frozenset({"hash6"})},
        {"training_periods": frozenset({"2013-06"})},
        {"training_ids": frozenset({"6-17"})},
        {"training_hashes": frozenset({"hash3"})},
    ],
)
def test_a_test_set_that_was_seen_in_training_is_refused(seen: dict) -> None:
    with pytest.raises(LeakageError, match="model 2 of flight_delay was trained on"):
        verdict("good", "weak", **seen)


def test_unusable_predictions_name_the_model() -> None:
    with pytest.raises(EvaluationError, match="model 2 of flight_delay: 3000 of 3000 scores"):
        verdict("nan", "weak")


def test_limits_that_shuffled_answers_meet_fail_the_self_test() -> None:
    lax = small_spec(acceptance=[{"metric": "brier", "at_most": 0.9}])
    with pytest.raises(EvaluationError, match="shuffled answers meet every acceptance limit"):
        verdict("good", None, spec=lax)


def test_a_slice_of_one_class_or_few_rows_is_not_judged_and_said() -> None:
    new = part(6)
    small = np.where(np.arange(3000) < 20, "EWR", new.frame["origin"])
    one_class = np.where(new.frame["late"].to_numpy() == 0, "LGA", "JFK")
    for origin, unjudged in ((small, "origin=EWR (20 rows"), (one_class, "origin=JFK")):
        found = verdict("good", "weak", EvaluationSet(new.frame.assign(origin=origin), "h", []))
        [outcome] = [g for g in found.gates if g.gate == "slices:unjudged"]
        assert unjudged in outcome.detail


def test_a_test_set_that_was_rewritten_since_is_compared_on_and_said() -> None:
    whole = part(6)
    fewer = EvaluationSet(whole.frame.iloc[1:], "another", whole.periods, ("a subject was erased (abc)",))
    found = verdict("good", "weak", fewer)
    assert found.decision == "canary"
    assert "The new test set is not as it was registered: a subject was erased (abc); it has 2999 rows" in found.reason
