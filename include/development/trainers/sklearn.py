"""scikit-learn's estimators: linear models, trees, clustering, with dimension reduction before them if wanted.

The fitted pipeline is turned into ONNX at once, and that graph is the model: the same graph is saved, evaluated
and served, in a format that runs no code when it is read (a pickle would). Its answers are compared with
scikit-learn's on the training rows before it is returned.
"""

import json
import warnings
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from include.development.trainers import sklearn_clusters
from include.development.trainers.archive import pack, unpack
from include.development.trainers.parameters import checked, require_task
from include.development.trainers.protocol import Curve, Matrix, Parameters, Problem, Run, Space
from include.development.trainers.sklearn_estimators import chosen, penalised, pipeline
from include.errors import TrainingError
from include.specification.task import Predicts
from include.specification.trainers import TRAINERS

OPSETS = {"": 18, "ai.onnx.ml": 3}
TOLERANCE = 1e-4  # of the largest score, or of the label's standard deviation: float32 instead of float64
COMPARED = 2000
FACTS = TRAINERS["sklearn"]


class SklearnTrainer:
    """``estimator`` and ``reduce`` choose; a parameter that the chosen ones do not have is not used.

    Clustering answers with nearness: minus the distance to each centre, or the probability of each component.
    """

    name = "sklearn"
    predicts: frozenset[Predicts] = FACTS.predicts
    defaults: ClassVar[Parameters] = FACTS.defaults
    space: ClassVar[Space] = FACTS.space

    def fit(
        self, problem: Problem, train: Matrix, validation: Matrix, parameters: Parameters, run: Run
    ) -> "SklearnModel":
        """As the protocol says; ``run.start`` is for clustering, whose numbers are kept."""
        require_task(self, problem, train)
        known = checked(self.name, FACTS, parameters)
        _require_classes(problem, train)
        try:
            fitted = _fitted(problem, train, penalised(problem, known, run.spread), run)
        except (ValueError, TypeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise TrainingError(f"sklearn cannot fit with {known}: {reason}; correct the parameters") from error
        model = SklearnModel(problem, _onnx(problem, fitted), _facts(problem, known, fitted), run.threads)
        _require_equal(problem, fitted, model, train.X[:COMPARED])
        return model

    def load(self, problem: Problem, content: bytes) -> "SklearnModel":
        files = unpack(content, "a model of sklearn")
        try:
            return SklearnModel(problem, files["model.onnx"], json.loads(files["facts.json"]))
        except (KeyError, ValueError) as error:
            raise TrainingError(f"{len(content)} bytes are not a model of sklearn: {error}; train it again") from error


class SklearnModel:
    """A fitted pipeline as an ONNX graph."""

    curve: Curve = ()

    def __init__(self, problem: Problem, graph: bytes, facts: Mapping[str, Any], threads: int = 1) -> None:
        self.problem, self._graph, self._facts, self._threads = problem, graph, facts, threads

    def predict(self, X: np.ndarray) -> np.ndarray:
        outputs = self._session.run(None, {"input": X})[-1].astype(np.float64)
        scores = np.clip(outputs, 0, 1) if self.problem.classes else outputs
        return scores[:, -1] if scores.ndim == 2 and not self.problem.facts.table else scores

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        return onnxruntime.InferenceSession(self._graph, options, providers=["CPUExecutionProvider"])

    def save(self) -> bytes:
        return pack({"facts.json": json.dumps(self._facts, sort_keys=True).encode(), "model.onnx": self._graph})

    def onnx(self) -> bytes:
        return self._graph

    def length(self) -> Parameters:
        return {}

    def describe(self) -> dict[str, Any]:
        return {**self._facts, "bytes": len(self.save())}


def _fitted(problem: Problem, train: Matrix, known: Parameters, run: Run) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    pipe = pipeline(problem, known, run.threads)
    estimator = pipe[-1]
    with threadpool_limits(run.threads), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter is the caller's; the metrics judge
        prepared = pipe[:-1].fit_transform(train.X)
        if run.start:
            _go_on_from(run.start, problem, estimator, prepared, train.X)
        weight = {} if train.weight is None else {"sample_weight": train.weight}
        estimator.fit(prepared, train.y, **weight)
        if problem.facts.predicts == "cluster" and not run.start:
            sklearn_clusters.renumber(estimator, prepared)
    return pipe


def _go_on_from(start: Any, problem: Problem, estimator: Any, prepared: np.ndarray, X: np.ndarray) -> None:
    if {problem.facts.predicts, start.problem.facts.predicts} != {"cluster"}:
        raise TrainingError(
            f"sklearn's {type(estimator).__name__} cannot continue from a {start.describe()['algorithm']}; "
            "start from scratch"
        )
    clusters = estimator.get_params().get("n_clusters") or estimator.n_components
    scores = start.predict(X)
    if scores.shape[1] != clusters:
        raise TrainingError(
            f"sklearn cannot continue from {scores.shape[1]} to {clusters} clusters; start from scratch"
        )
    sklearn_clusters.start_at(estimator, prepared, scores.argmax(axis=1), clusters)


def _require_classes(problem: Problem, train: Matrix) -> None:
    if not problem.classes:
        return
    there = set(np.asarray(train.y).tolist())
    if missing := sorted(set(range(problem.classes)) - there):
        raise TrainingError(f"sklearn: the classes {missing} have no row in the training part; use a longer window")


def _onnx(problem: Problem, pipe: Any) -> bytes:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    options = {id(pipe[-1]): {"zipmap": False}} if problem.classes else None
    inputs = [("input", FloatTensorType([None, problem.width]))]
    # A given name keeps the bytes the same: the default is a random one.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converter's own deprecations
        graph = to_onnx(pipe, initial_types=inputs, options=options, target_opset=OPSETS, name="moebius")
    return (_negated(graph) if hasattr(pipe[-1], "cluster_centers_") else graph).SerializeToString()


def _negated(model: Any) -> Any:
    """Distances to nearness: the last output becomes its negative."""
    from onnx import helper

    output = model.graph.output[-1]
    nearness = f"near_{output.name}"
    model.graph.node.append(helper.make_node("Neg", [output.name], [nearness]))
    output.name = nearness
    return model


def _expected(problem: Problem, pipe: Any, X: np.ndarray) -> np.ndarray:
    """What scikit-learn itself answers, (rows, m)."""
    if problem.classes:
        return pipe.predict_proba(X) if problem.facts.table else pipe.predict_proba(X)[:, -1:]
    if problem.facts.predicts == "cluster":
        return pipe.predict_proba(X) if hasattr(pipe, "predict_proba") else -pipe.transform(X)
    return pipe.predict(X)[:, None]


def _require_equal(problem: Problem, pipe: Any, model: SklearnModel, X: np.ndarray) -> None:
    expected = _expected(problem, pipe, X)
    values = problem.facts.predicts == "value"  # in standard deviations of the label
    unit, words = (
        (1.0, "a standard deviation of the label") if values else (np.abs(expected).max(), "its largest score")
    )
    off = np.abs(model.predict(X).reshape(expected.shape) - expected).max() / max(1.0, unit)
    if not off <= TOLERANCE:
        raise TrainingError(
            f"sklearn: the ONNX graph of {type(pipe[-1]).__name__} is off by {off:.2g} of {words}, "
            f"more than {TOLERANCE:g}; use another estimator, or scale its inputs"
        )


def _facts(problem: Problem, known: Parameters, pipe: Any) -> dict[str, Any]:
    name, _ = chosen(problem, known)
    facts: dict[str, Any] = {"algorithm": f"{name.replace('_', ' ')} (scikit-learn)", "features": len(problem.inputs)}
    if known["reduce"] != "none":
        explained = float(pipe[-2].explained_variance_ratio_.sum())
        facts |= {"reduced_to": int(known["components"]), "variance_kept": explained}
    return facts | ({"clusters": int(known["clusters"])} if problem.facts.predicts == "cluster" else {})
