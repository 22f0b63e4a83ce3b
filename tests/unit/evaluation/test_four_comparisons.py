import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.contracts.evaluation import Verdict
from include.errors import EvaluationError, LeakageError
from include.evaluation.bootstrap import Resampled
from include.evaluation.four_comparisons import compare
from include.evaluation.inputs import EvaluationSet, Side
from include.evaluation.report import render
from include.evaluation.wording import percent
from tests.unit.evaluation.evaluation_specs import small_spec

SPEC = small_spec()


def answers(column: str) -> Callable[[pd.DataFrame], np.ndarray]:
    """A model whose probability is a function of what the row carries."""
    return {
        "good": lambda f: 1 / (1 + np.exp(-(f["x"].to_numpy() - 1))),
        "weak": lambda f: 1 / (1 + np.exp(-(0.3 * f["x"].to_numpy() + 3 * np.sin(91 * f["x"].to_numpy()) - 1))),
        "constant": lambda f: np.full(len(f), 0.3),
        "inverted": lambda f: 1 - 1 / (1 + np.exp(-(f["x"].to_numpy() - 1))),
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


@pytest.mark.parametrize("champion", ["constant", "inverted"])
def test_a_champion_that_predicts_nonsense_is_replaced(champion: str) -> None:
    """That is when a new model is needed most; shuffled answers would beat such a champion."""
    found = verdict("good", champion)
    assert found.decision == "canary"
    assert found.self_test == "the champion against itself: refused by gain; shuffled answers: refused by gain"


def test_a_candidate_that_its_own_answers_in_random_order_beat_is_refused() -> None:
    found = verdict("inverted", "inverted", spec=small_spec(acceptance=[{"metric": "brier", "at_most": 1.0}]))
    assert (found.decision, found.rule) == ("keep_champion", "chance")
    assert "shuffled answers: better than its own" in found.self_test


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"champion"}, "the champion would replace itself"),
        ({"shuffled"}, "shuffled answers would replace the better ones"),
    ],
)
def test_gates_that_let_through_what_is_no_gain_fail_the_self_test(
    broken: set[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Resampled.gains

    def gains(self: Resampled, metric: str, model: str, over: str, other: Resampled | None = None) -> np.ndarray:
        drawn = honest(self, metric, model, over, other)
        return np.abs(drawn) + 1e-6 if model in broken else drawn

    monkeypatch.setattr(Resampled, "gains", gains)
    with pytest.raises(EvaluationError, match=words):
        verdict("good", "weak")


def by_days(seed: int, month: int, days: int) -> EvaluationSet:
    """3,000 rows of the first days of a month of 2013."""
    rows = part(seed)
    hours = np.sort(np.random.default_rng(seed).uniform(0, 24 * days, len(rows.frame)))
    first = pd.Timestamp(2013, month, 1, tz="America/New_York").tz_convert("UTC")
    times = pd.Series(first + pd.to_timedelta(hours, unit="h")).astype("datetime64[us, UTC]")
    return EvaluationSet(rows.frame.assign(event_timestamp=times), rows.content_hash, [f"2013-{month:02d}"])


def compared(new: EvaluationSet, **comparison: Any) -> Verdict:
    sides = {"candidate": Side(2, answers("good")), "champion": Side(1, answers("weak"), release="r0001")}
    return compare(small_spec(comparison=comparison), **sides, old=by_days(3, 2, 28), new=new)


def test_a_verdict_says_what_it_is_worth_and_what_its_rows_are_worth() -> None:
    found = compared(by_days(6, 6, 30), weights={"log_loss": 0.1, "calibration": 0.2})
    assert found.probability is not None
    assert found.probability >= found.probability_needed == pytest.approx(0.9)
    assert found.net_value is not None
    assert found.net_value.parts["gain"] == found.differences["D-C roc_auc"].value
    assert set(found.net_value.parts) == {"gain", "forgetting", "log_loss", "calibration", "release"}
    assert {name: (s.unit, s.blocks, s.rows) for name, s in found.samples.items()} == {
        "old": ("day", 28, 3000), "new": ("day", 30, 3000)
    }  # fmt: skip
    assert found.samples["new"].effective_n == found.differences["D-C roc_auc"].effective_n
    assert [part.part for part in found.gain_by_part] == [f"2013-06-{day:02d}" for day in range(1, 31)]
    assert sum(part.rows for part in found.gain_by_part) == 3000
    text = render(found)
    assert f"- Probability that the candidate is better: {percent(found.probability)}; 90 % is needed." in text
    assert "of 30 days; its gain was +" in text
    [of_d] = [cell.figure for cell in found.cells if (cell.name, cell.metric) == ("D", "roc_auc")]
    worth = (found.samples["new"].effective_n, of_d.effective_n)
    assert (
        "resemble each other, they say as much as {:,} independent rows for the difference D-C in roc_auc, as much as "
        "{:,} independent rows for the roc_auc of D alone.".format(*worth)
    ) in text
    assert "at most 1.2 a year are expected: (1 - 0.9) x 12 evaluations a year, one every month." in text
    assert Verdict.model_validate(found.model_dump(mode="json")) == found


def test_a_window_of_several_periods_shows_the_gain_in_each() -> None:
    months = [by_days(seed, month, 15) for seed, month in ((6, 6), (7, 7))]
    pooled = pd.concat([one.frame for one in months], ignore_index=True)
    found = compared(EvaluationSet(pooled, "pooled", ["2013-06", "2013-07"]))
    assert [(part.part, part.rows) for part in found.gain_by_part] == [("2013-06", 3000), ("2013-07", 3000)]
    assert "the candidate was better in 2 of 2 months: +0." in render(found)


def test_too_few_days_keep_the_champion() -> None:
    found = compared(by_days(6, 6, 6), block="day")
    assert (found.decision, found.rule, found.probability, found.net_value) == ("keep_champion", "gain", None, None)
    assert "10 days are needed, about 5,000 rows. The champion stays. Evaluate again" in found.reason
    assert "| gain | not judged |" in render(found)
    assert "cannot be judged on so few rows" in render(found)


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
