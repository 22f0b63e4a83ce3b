"""What every trainer must do, whatever it is made of."""

from pathlib import Path

import numpy as np
import pytest

from include.development.baseline import Prior, RandomClusters
from include.development.trainers.protocol import Fitted, Matrix, Problem, Run, best_step
from include.errors import TrainingError
from include.evaluation.metrics import score
from tests.unit.development.trainers.trainer_cases import (
    CASES,
    CLASSES,
    STEPWISE,
    Case,
    answers_like_the_model,
    fit,
    fitted,
    rows,
)

METRIC = {"binary": "log_loss", "multiclass": "log_loss", "regression": "rmse", "forecasting": "rmse"}
every = pytest.mark.parametrize("case", CASES, ids=repr)
stepwise = pytest.mark.parametrize("case", STEPWISE, ids=repr)


class KilledError(Exception):
    """Raised by a report, where a kill would have ended the process."""


def until(step: int, seen: list[int] | None = None):
    def report(now: int, loss: float) -> None:
        if seen is not None:
            seen.append(now)
        if now >= step:
            raise KilledError(f"killed after step {now}")

    return report


@every
def test_it_beats_the_prior(case: Case) -> None:
    held = rows(case, 300, seed=5)
    said = fitted(case).predict(held.X)
    if held.y is None:
        space = held.X[:, [i for i, one in enumerate(case.inputs) if one.kind == "numeric"]]
        space = np.nan_to_num(space).astype(np.float64)
        assert score("silhouette", space, said) > 0.2 + score("silhouette", space, RandomClusters(4).predict(held.X))
        return
    prior = Prior(case.problem, rows(case).y).predict(held.X)
    metric = METRIC[case.task]
    assert score(metric, held.y, said) < 0.85 * score(metric, held.y, prior)


@pytest.mark.slow
@every
def test_equal_fits_give_equal_bytes(case: Case) -> None:
    assert fit(case).save() == fitted(case).save()


@every
def test_a_saved_model_answers_to_the_bit(case: Case) -> None:
    X, content = rows(case, 50, seed=7).X, fitted(case).save()
    again = case.trainer.load(case.problem, content)
    np.testing.assert_array_equal(again.predict(X), fitted(case).predict(X))
    assert again.save() == content


@pytest.mark.parametrize("case", [c for c in CASES if not c.name.startswith("torch")], ids=repr)
def test_onnx_answers_like_the_model(case: Case) -> None:
    """Graphs of networks are made in tests/integration: torch's exporter takes seconds."""
    answers_like_the_model(case)


@every
def test_gaps_and_unknown_categories_are_answered(case: Case) -> None:
    X = rows(case, 20, seed=7).X
    for at, one in enumerate(case.inputs):
        if one.kind == "numeric":
            X[:, at + case.problem.width - len(case.inputs)] = np.nan
        if one.kind == "categorical":
            X[:, at] = -1
    said = fitted(case).predict(X)
    assert np.isfinite(said).all()
    assert fitted(case).predict(X[:0]).shape == (0, *said.shape[1:])
    if case.problem.classes:
        assert said.min() >= 0
        assert said.max() <= 1


@every
def test_it_says_what_it_is(case: Case) -> None:
    facts = fitted(case).describe()
    assert facts["algorithm"]
    assert facts["bytes"] == len(fitted(case).save())


@stepwise
def test_the_curve_falls(case: Case) -> None:
    curve = fitted(case).curve
    assert [point["step"] for point in curve] == list(range(1, len(curve) + 1))
    assert min(point["validation"] for point in curve) < curve[0]["validation"]
    assert curve[-1]["train"] < curve[0]["train"]


@pytest.mark.slow
@every
def test_as_long_a_fit_asks_the_validation_part_nothing(case: Case) -> None:
    """Whatever that says, the model is the same; only the units of labels hang on the training part."""
    first, train = fitted(case), rows(case)
    if (long := case.parameters | first.length()) != case.parameters:  # else ``first`` is as long already
        first = case.trainer.fit(case.problem, train, rows(case, 200, 1), long, Run())
    other = rows(case, 60, 9)._replace(y=None if train.y is None else train.y[:60])
    again = case.trainer.fit(case.problem, train, other, long, Run())
    assert again.save() == first.save()


@pytest.mark.slow
@stepwise
def test_a_fit_is_as_long_as_the_one_that_it_follows(case: Case) -> None:
    """Of the first the step that its validation part liked best counts, not those that it tried after that."""
    eager = case.parameters | ({"early_stopping_rounds": 3} if case.name == "xgboost" else {"patience": 1})
    train, held = rows(case), rows(case, 40, 3)
    first = case.trainer.fit(case.problem, train, held, eager | {"learning_rate": 0.3}, Run())
    length = first.length()
    steps = length["n_estimators" if case.name == "xgboost" else "epochs"]
    assert steps == best_step(first.curve) + 1
    again = case.trainer.fit(case.problem, train, held, eager | {"learning_rate": 0.3} | length, Run())
    assert len(again.curve) == steps
    X = rows(case, 50, 7).X
    np.testing.assert_allclose(again.predict(X), first.predict(X), rtol=1e-4, atol=1e-6)
    assert again.length() == length


@pytest.mark.slow
@stepwise
def test_a_killed_fit_goes_on_as_if_nothing_had_happened(case: Case, tmp_path: Path) -> None:
    killed, resumed = (52, 51) if case.name == "xgboost" else (3, 4)  # xgboost keeps every 50th round
    with pytest.raises(KilledError):
        fit(case, Run(checkpoint=tmp_path, report=until(killed)))
    seen: list[int] = []
    again = fit(case, Run(checkpoint=tmp_path, report=until(10**6, seen)))
    assert seen[0] == resumed
    assert again.save() == fitted(case).save()
    assert list(again.curve) == list(fitted(case).curve)


@stepwise
def test_another_fit_does_not_find_the_checkpoint(case: Case, tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        fit(case, Run(checkpoint=tmp_path, report=until(52 if case.name == "xgboost" else 3)))
    seen: list[int] = []
    with pytest.raises(KilledError):
        fit(case, Run(checkpoint=tmp_path, report=until(1, seen)), seed=3)
    assert seen == [1]


@stepwise
def test_it_goes_on_from_a_champion(case: Case) -> None:
    assert first_loss(case, fitted(case)) < first_loss(case, None)


def first_loss(case: Case, start: Fitted | None) -> float:
    losses: list[float] = []

    def report(step: int, loss: float) -> None:
        losses.append(loss)
        raise KilledError("the first step is enough")

    with pytest.raises(KilledError):
        fit(case, Run(start=start, report=report), seed=3)
    return losses[0]


@every
def test_another_task_is_refused(case: Case) -> None:
    task = "clustering" if case.name != "sklearn" else "ranking"
    problem = Problem(task, case.inputs, 0)  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match=f"{case.name}' cannot do {task}; it does binary"):
        case.trainer.fit(problem, rows(case), rows(case), {}, Run())


@every
def test_unusable_parameters_are_named(case: Case) -> None:
    known = next(iter(case.trainer.space))
    for wrong, said in (
        ({"depht": 3}, "'depht' is not a parameter of "),
        ({known: "much"}, known),
        ({known: -1}, known),
    ):
        with pytest.raises(TrainingError, match=said):
            case.trainer.fit(case.problem, rows(case), rows(case), {**case.parameters, **wrong}, Run())


@every
def test_labels_are_needed(case: Case) -> None:
    if case.task == "clustering":
        pytest.skip("clustering has no labels")
    train = rows(case)
    with pytest.raises(TrainingError, match="needs one label for each of 400 rows"):
        case.trainer.fit(case.problem, Matrix(train.X, None), train, case.parameters, Run())


@every
def test_foreign_bytes_are_refused(case: Case) -> None:
    with pytest.raises(TrainingError, match="5 bytes are not"):
        case.trainer.load(case.problem, b"hello")


@pytest.mark.parametrize("case", [c for c in CASES if c.task == "binary"], ids=repr)
def test_weights_count(case: Case) -> None:
    train, validation = rows(case), rows(case, 200, seed=1)
    positive = np.where(train.y == 1, 10.0, 1.0)
    heavy = case.trainer.fit(case.problem, train._replace(weight=positive), validation, case.parameters, Run())
    assert heavy.predict(validation.X).mean() > 0.01 + fitted(case).predict(validation.X).mean()


def test_every_space_can_be_fitted() -> None:
    for case in CASES:
        assert set(case.trainer.space) <= set(case.trainer.defaults)
        assert CLASSES.get(case.task, 0) == case.problem.classes
