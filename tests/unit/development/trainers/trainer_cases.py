"""Small problems with a signal, one for every trainer and task that it has."""

from functools import cache
from typing import NamedTuple

import numpy as np
import onnxruntime

from include.development.trainers.protocol import Fitted, Input, Matrix, Problem, Run, Trainer
from include.development.trainers.registry import trainer

CATEGORIES = ("a", "b", "c")
WORDS = tuple(f"w{i:02d}" for i in range(20))
TABLE = (
    Input("x0", "numeric"), Input("x1", "numeric"), Input("kind", "categorical", 1, 3, values=CATEGORIES),
)  # fmt: skip
PLAIN = tuple(Input(f"x{i}", "numeric") for i in range(3))
IMAGE = (*(Input(f"scan_{i:02d}", "numeric", tensor="scan", shape=(6, 6)) for i in range(36)), Input("x0", "numeric"))
SERIES = (
    *(Input(f"{channel}_{i}", "numeric", tensor=channel, shape=(8,)) for channel in ("wind", "temp") for i in range(8)),
    Input("kind", "categorical", 1, 3, values=CATEGORIES),
)
TEXT = (Input("words", "text", 6, 22, values=WORDS), Input("x0", "numeric"))
CLASSES = {"binary": 2, "multiclass": 3}


class Case(NamedTuple):
    """A trainer, the inputs and the task that it is given, and quick parameters."""

    name: str
    inputs: tuple[Input, ...]
    task: str
    parameters: dict[str, int | float | str]

    @property
    def trainer(self) -> Trainer:
        return trainer(self.name)

    @property
    def problem(self) -> Problem:
        return Problem(self.task, self.inputs, CLASSES.get(self.task, 0))  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return "-".join([self.name, self.task, *map(str, self.parameters.values())])


EPOCHS = {"epochs": 6, "batch_size": 64, "learning_rate": 0.01}
TREES = {"n_estimators": 60, "max_depth": 3, "subsample": 0.7, "colsample_bytree": 0.7}
ALL = ("binary", "multiclass", "regression", "forecasting")
STEPWISE = [
    *(Case("xgboost", TABLE, task, TREES) for task in ALL),
    *(Case("torch_tabular", TABLE, task, EPOCHS) for task in ALL),
    *(Case("torch_image", IMAGE, task, EPOCHS) for task in ("multiclass", "regression")),
    Case("torch_sequence", SERIES, "forecasting", EPOCHS),
    Case("torch_sequence", SERIES, "binary", {**EPOCHS, "cell": "lstm"}),
    *(Case("torch_text", TEXT, task, {**EPOCHS, "width": 16, "layers": 1}) for task in ("binary", "multiclass")),
]
FORESTS = ("random_forest", "extra_trees", "hist_gradient_boosting")
SKLEARN = [
    *(Case("sklearn", TABLE, task, {"estimator": "auto"}) for task in ALL),
    Case("sklearn", PLAIN, "clustering", {"estimator": "auto"}),
    Case("sklearn", TABLE, "clustering", {"estimator": "kmeans", "clusters": 3}),
    *(
        Case("sklearn", TABLE, task, {"estimator": name, "n_estimators": 10})
        for name in FORESTS
        for task in ("multiclass", "regression")
    ),
    *(Case("sklearn", TABLE, "regression", {"estimator": name}) for name in ("linear_regression", "elastic_net")),
    *(Case("sklearn", PLAIN, "clustering", {"estimator": n}) for n in ("minibatch_kmeans", "gaussian_mixture")),
    Case("sklearn", TABLE, "binary", {"reduce": "pca", "components": 3}),
    Case("sklearn", IMAGE, "multiclass", {"reduce": "truncated_svd", "components": 30}),
    Case("sklearn", SERIES, "clustering", {"reduce": "pca", "components": 2, "clusters": 3}),
]
CASES = [*STEPWISE, *SKLEARN]


def rows(case: Case, count: int = 400, seed: int = 0) -> Matrix:
    """Rows of the case's inputs: numbers with gaps, a category, and a label that depends on the inputs."""
    random = np.random.default_rng(seed)
    if case.task == "clustering":
        return Matrix(_blobs(case, count, random), None)
    X, signal = _matrix(case, count, random)
    noisy = signal + random.normal(size=count) * 0.3
    labels = {"binary": noisy > 0, "multiclass": np.digitize(noisy, [-0.6, 0.6])}
    y = labels.get(case.task, 50 + 10 * noisy)
    return Matrix(X, y.astype(np.float64 if case.task in ("regression", "forecasting") else np.int16))


def _blobs(case: Case, count: int, random: np.random.Generator) -> np.ndarray:
    X, _ = _matrix(case, count, random)
    numeric = [i for i, one in enumerate(case.inputs) if one.kind == "numeric"]
    X[:, numeric] += 12 * random.choice(4, size=(count, 1), p=[0.4, 0.3, 0.2, 0.1])
    return X


def _matrix(case: Case, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    numbers = random.normal(size=(count, case.problem.width))
    signal = numbers[:, 0].copy()
    if case.inputs is IMAGE:
        signal = numbers[:, :18].sum(axis=1) / 4
    if case.inputs is SERIES:
        signal = numbers[:, 6] + numbers[:, 7]
    X = numbers.astype(np.float32)
    X[::9, 1] = np.nan
    if case.inputs is TEXT:
        X[:, :6], signal = _texts(count, random)
        X[::9, 6] = np.nan
    at = next((i for i, one in enumerate(case.inputs) if one.kind == "categorical"), None)
    if at is not None:
        X[:, at] = random.integers(0, 3, count)
        signal += X[:, at] - 1
    return X, signal


def _texts(count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Codes of texts of up to six words; early words of the vocabulary speak for, late ones against."""
    codes = random.integers(2, 22, size=(count, 6))
    length = random.integers(0, 7, size=(count, 1))
    there = np.arange(6) < length
    return np.where(there, codes, 0), (np.where(codes < 12, 0.7, -0.7) * there).sum(axis=1)


def fit(case: Case, run: Run | None = None, seed: int = 0) -> Fitted:
    """A fit of the case."""
    train, validation = rows(case, 400, seed), rows(case, 200, seed + 1)
    return case.trainer.fit(case.problem, train, validation, case.parameters, run or Run())


@cache
def _once(index: int) -> Fitted:
    return fit(CASES[index])


def fitted(case: Case) -> Fitted:
    """The fit of the case, once for all tests."""
    return _once(CASES.index(case))


def answers_like_the_model(case: Case) -> None:
    """Asserts that the graph of the case's model answers one row and many like the model."""
    X, content = rows(case, 300, seed=7).X, fitted(case).onnx()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    for count in (1, 300):
        expected = fitted(case).predict(X[:count]).reshape(count, -1)
        said = session.run(None, {"input": X[:count]})[-1].reshape(count, -1)[:, -expected.shape[1] :]
        largest = 100 if case.task in ("regression", "forecasting") else 1  # labels are around 50
        assert np.abs(said - expected).max() <= 1e-5 * max(largest, np.abs(expected).max())
