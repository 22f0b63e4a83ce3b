"""The flights of 2013 month by month: every month a candidate, the four comparisons, and what serves afterwards."""

from dataclasses import dataclass
from functools import lru_cache

from include.contracts.evaluation import Verdict
from include.evaluation.four_comparisons import compare
from include.evaluation.inputs import EvaluationSet, Side
from include.evaluation.metrics import score
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.integration.evaluation_flights import CATEGORIES, FEATURES, Model, months

FIRST_RELEASE = ((1, 2), 3)  # trained on, frozen test set
REPLAYED = range(4, 13)


@lru_cache
def spec(*secondary: str) -> UseCase:
    """flight_delay's rules on the simple features of these tests."""
    content = load_usecase("flight_delay").model_dump(by_alias=True)
    bins = {f["name"]: f["bins"] for f in content["features"]} | {"precip": [0.001, 0.01, 0.05, 0.1, 0.3]}
    content["features"] = [
        {"name": f, "kind": "categorical" if f in CATEGORIES else "numeric", "from": "on_request", "bins": bins.get(f)}
        for f in FEATURES
    ]
    content["feature_views"] = content["streams"] = content["behaviour"] = {}
    content["user_acceptance"] = []
    content["metrics"]["secondary"] = list(secondary)
    return UseCase.model_validate(content)


@lru_cache
def model(*trained_on: int) -> Model:
    return Model(*trained_on)


def side(version: int, trained: Model, release: str | None = None) -> Side:
    return Side(version, trained.predict, release, training_periods=trained.periods)


def frozen(number: int) -> EvaluationSet:
    return EvaluationSet(months(number), f"hash of {number}", [f"2013-{number:02d}"])


@dataclass(frozen=True)
class Serving:
    """What serves: the months it was trained on, and the month it was tested on, which stays out of training."""

    trained_on: tuple[int, ...]
    tested_on: int


def window(month: int, serving: Serving, last: int | None) -> tuple[int, ...]:
    """The ``last`` months before ``month`` (None: all), without the frozen test set of what serves."""
    first = 1 if last is None else month - last
    return tuple(m for m in range(first, month) if m != serving.tested_on)


def evaluate(month: int, serving: Serving, last: int | None) -> Verdict:
    """The four comparisons of the candidate of this month."""
    return compare(
        spec(),
        candidate=side(month, model(*window(month, serving, last))),
        champion=side(1, model(*serving.trained_on), "serving"),
        old=frozen(serving.tested_on),
        new=frozen(month),
        seed=month,
    )


def replay(last: int | None) -> list[tuple[int, Serving, Verdict]]:
    """Month, what served in it, and the verdict on its candidate, which serves next when it was released."""
    serving, rows = Serving(*FIRST_RELEASE), []
    for month in REPLAYED:
        verdict = evaluate(month, serving, last)
        rows.append((month, serving, verdict))
        if verdict.decision == "canary":
            serving = Serving(window(month, serving, last), month)
    return rows


def served_without_evaluation(last: int | None) -> dict[int, float]:
    """AUC in every month of what serves when every candidate is taken."""
    serving, found = Serving(*FIRST_RELEASE), {}
    for month in REPLAYED:
        found[month] = area(serving.trained_on, month)
        serving = Serving(window(month, serving, last), month)
    return found


@lru_cache
def area(trained_on: tuple[int, ...], month: int) -> float:
    rows = months(month)
    return score("roc_auc", rows["late"], model(*trained_on).predict(rows))
