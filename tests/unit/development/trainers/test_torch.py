"""What is the networks' own; what every trainer must do is in ``test_trainers.py``."""

import numpy as np
import pytest
import torch

from include.development.trainers.protocol import Input, Matrix, Parameters, Problem, Run
from include.development.trainers.registry import trainer
from include.development.trainers.torch_inputs import Standardised, Words
from include.development.trainers.torch_model import Scoring, TorchModel
from include.development.trainers.torch_start import take_over
from include.development.trainers.torch_tabular import TabularNetwork
from include.errors import TrainingError
from tests.unit.development.trainers.trainer_cases import EPOCHS, IMAGE, SERIES, TABLE, TEXT, Case, rows

TABULAR = Case("torch_tabular", TABLE, "binary", {**EPOCHS, "epochs": 2})


def fit(case: Case, run: Run | None = None, train: Matrix | None = None, **parameters: int | float | str) -> TorchModel:
    given: Parameters = {**case.parameters, **parameters}
    return case.trainer.fit(case.problem, train or rows(case), rows(case, 100, 1), given, run or Run())  # type: ignore[return-value]


@pytest.mark.slow
def test_a_fit_leaves_the_process_as_it_was() -> None:
    torch.manual_seed(7)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    fit(TABULAR)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_the_best_weights_are_kept() -> None:
    model = fit(TABULAR, epochs=40, patience=3, learning_rate=0.05)
    losses = [point["validation"] for point in model.curve]
    assert int(np.argmin(losses)) == len(losses) - 4 < 36
    held = rows(TABULAR, 100, 1)
    said = model.predict(held.X)
    loss = -np.log(np.where(held.y == 1, said, 1 - said)).mean()
    assert loss == pytest.approx(min(losses), abs=1e-4)


def test_the_seed_counts() -> None:
    assert fit(TABULAR, seed=1).save() != fit(TABULAR, seed=2).save()


def test_a_network_bears_labels_of_any_size() -> None:
    case = TABULAR._replace(task="regression")
    train = rows(case)
    train.y[:] = 1e6 + 1e5 * train.y
    said = fit(case, train=train, epochs=6).predict(train.X)
    assert np.corrcoef(said, train.y)[0, 1] > 0.8
    assert abs(said.mean() / train.y.mean() - 1) < 0.1


def test_a_loss_that_is_no_number_is_told() -> None:
    case = TABULAR._replace(task="regression")
    train = rows(case)
    train.y[0] = np.nan
    with pytest.raises(TrainingError, match="diverged in epoch 1: train loss nan"):
        fit(case, train=train)


def test_a_number_that_was_never_missing_may_go_missing() -> None:
    layer = Standardised(2)
    layer.learn(torch.tensor([[1.0, 5.0], [3.0, float("nan")], [5.0, 7.0]]))
    gone = layer(torch.tensor([[float("nan"), float("nan")], [3.0, 6.0], [1e9, 6.0]]))
    assert gone[0].tolist() == [0, 0, 0, 1]
    assert gone[1].tolist() == [0, 0, 0, 0]
    assert gone[2, 0] == 10


def test_a_number_that_never_changes_or_was_never_there_is_harmless() -> None:
    layer = Standardised(2)
    layer.learn(torch.tensor([[4.0, float("nan")], [4.0, float("nan")]]))
    assert torch.isfinite(layer(torch.tensor([[4.0, 3.0], [5.0, float("nan")]]))).all()


def test_words_are_averaged_and_no_words_are_nothing() -> None:
    words = Words(10)
    codes = torch.tensor([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0]])
    vectors = words(codes)
    assert torch.allclose(vectors[0], (words.embedding.weight[3] + words.embedding.weight[4]) / 2)
    assert not vectors[1].any()


@pytest.mark.parametrize("values", [("a", "b", "c"), ("0", "a", "aa", "b", "c"), ("b",)], ids=["same", "more", "fewer"])
def test_a_category_keeps_its_vector_whatever_its_code_is_now(values: tuple[str, ...]) -> None:
    champion = fit(TABULAR)
    problem = Problem("binary", (*TABLE[:2], Input("kind", "categorical", 1, len(values), values=values)), 2)
    scoring = Scoring(TabularNetwork(problem, {**TABULAR.trainer.defaults, **TABULAR.parameters}), problem)
    fresh = scoring.state_dict()["network.inputs.categories.of_kind.embedding.weight"].clone()
    taken = take_over(scoring, problem, champion.scoring.state_dict(), champion.problem)
    name = "network.inputs.categories.of_kind.embedding.weight"
    new, old = scoring.state_dict()[name], champion.scoring.state_dict()[name]
    assert name in taken
    for row, value in enumerate(values, start=1):
        expected = old[1 + ("a", "b", "c").index(value)] if value in "abc" and len(value) == 1 else fresh[row]
        assert torch.equal(new[row], expected)
    assert torch.equal(new[0], old[0])


def test_a_network_does_not_go_on_from_trees() -> None:
    trees = trainer("xgboost").fit(TABULAR.problem, rows(TABULAR), rows(TABULAR), {"n_estimators": 2}, Run())
    with pytest.raises(TrainingError, match="torch_tabular cannot continue from a gradient-boosted trees"):
        fit(TABULAR, Run(start=trees))


@pytest.mark.parametrize(
    ("name", "inputs", "said"),
    [
        ("torch_image", TABLE, r"needs one numeric feature with a shape like \[8, 8\]; there are \[\]"),
        ("torch_sequence", TABLE, r"needs a numeric feature with a shape like \[24\]"),
        ("torch_sequence", SERIES[1:], r"equal length, these have .'wind': 7, 'temp': 8"),
        ("torch_text", TABLE, "needs one text feature"),
    ],
)
def test_a_network_needs_its_kind_of_input(name: str, inputs: tuple[Input, ...], said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        fit(Case(name, inputs, "binary", {}), train=Matrix(np.zeros((5, width(inputs)), np.float32), np.zeros(5)))


def width(inputs: tuple[Input, ...]) -> int:
    return sum(one.width for one in inputs)


@pytest.mark.parametrize("inputs", [IMAGE, SERIES, TEXT], ids=["image", "series", "text"])
def test_the_tabular_network_reads_any_input(inputs: tuple[Input, ...]) -> None:
    case = Case("torch_tabular", inputs, "binary", EPOCHS)
    held = rows(case, 200, seed=4)
    assert ((fit(case).predict(held.X) > 0.5) == held.y).mean() > 0.65


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"dropout": 1.0}, "dropout = 1.0 must be 0 or more, and below 1"),
        ({"epochs": 0}, "epochs = 0 must be 1 or more"),
        ({"epochs": 2.5}, "epochs = 2.5 must be like 40"),
        ({"device": "cuda"}, "there is no GPU that torch can use"),
    ],
)
def test_parameters_have_limits(parameters: dict[str, float | str], said: str) -> None:
    if parameters.get("device") == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(TrainingError, match=said):
        fit(TABULAR, **parameters)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(TrainingError, match="width 30 must be a multiple of 4"):
        fit(Case("torch_text", TEXT, "binary", {"width": 30, "heads": 4}))


def test_a_model_of_another_network_is_refused() -> None:
    content = fit(TABULAR).save()
    with pytest.raises(TrainingError, match="the model is of trainer 'torch_tabular', not 'torch_text'"):
        trainer("torch_text").load(TABULAR.problem, content)
    with pytest.raises(TrainingError, match="does not fit the problem"):
        trainer("torch_tabular").load(Problem("binary", TABLE[1:], 2), content)
