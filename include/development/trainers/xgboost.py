"""Gradient-boosted trees by XGBoost's native API: same data, parameters and threads, same bytes (on a CPU)."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from include.development.trainers.checkpoint import checkpoint
from include.development.trainers.parameters import checked, require_task
from include.development.trainers.protocol import Curve, Fitted, Input, Matrix, Parameters, Problem, Run, Space
from include.development.trainers.xgboost_rounds import Rounds, device
from include.errors import TrainingError
from include.specification.task import Predicts, ScoreShape
from include.specification.trainers import TRAINERS

# Not target_opset 18: the Booster converter of onnxmltools 1.16 knows opsets up to 15.
ONNX_OPSET = 15
FACTS = TRAINERS["xgboost"]
NOT_BOOSTER = ("n_estimators", "early_stopping_rounds", "eval_metric", "device")
OBJECTIVES: Mapping[tuple[Predicts, ScoreShape], tuple[str, str]] = {
    ("class", "column"): ("binary:logistic", "logloss"),
    ("class", "table"): ("multi:softprob", "mlogloss"),
    ("value", "column"): ("reg:squarederror", "rmse"),
}


class XGBoostTrainer:
    """Histogram trees; with ``run.start`` it boosts on from the trees of another model of the same features."""

    name = "xgboost"
    predicts = frozenset(predicts for predicts, _ in OBJECTIVES)
    defaults: ClassVar[Parameters] = FACTS.defaults
    space: ClassVar[Space] = FACTS.space

    def fit(
        self, problem: Problem, train: Matrix, validation: Matrix, parameters: Parameters, run: Run
    ) -> "XGBoostModel":
        import xgboost

        require_task(self, problem, train)
        known = checked("xgboost", FACTS, parameters)
        start = _start(run.start, problem)
        rounds = Rounds(
            booster_parameters(problem, known, run.spread) | {"nthread": run.threads},
            total=int(known["n_estimators"]),
            patience=int(known["early_stopping_rounds"]),
            checkpoint=checkpoint(problem, train, validation, known, run),
            report=run.report,
        )
        try:
            parts = [_data(part.X, run.threads, part) for part in (train, validation)]
            booster = rounds.boost(parts[0], parts[1], start)
        except (xgboost.core.XGBoostError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise TrainingError(f"xgboost cannot fit with {dict(known)}: {reason}; correct the parameters") from error
        before = start.num_boosted_rounds() if start is not None else 0
        return XGBoostModel(booster, problem, run.threads, tuple(rounds.curve), before)

    def load(self, problem: Problem, content: bytes) -> "XGBoostModel":
        import xgboost

        booster = xgboost.Booster()
        try:
            booster.load_model(bytearray(content))
        except xgboost.core.XGBoostError as error:
            raise TrainingError(
                f"{len(content)} bytes are not an XGBoost model: {str(error).splitlines()[0]}"
            ) from error
        return XGBoostModel(booster, problem, threads=1)


def booster_parameters(problem: Problem, known: Parameters, spread: float = 1.0) -> dict[str, int | float | str]:
    """XGBoost's own parameters of a fit, without threads, for labels that were divided by ``spread``.

    ``gamma`` is a loss, in squared units of the label, and ``reg_alpha`` a sum of gradients, in its units.
    """
    objective, loss = OBJECTIVES[problem.facts.predicts, problem.facts.scores]
    own = {k: v for k, v in known.items() if k not in NOT_BOOSTER}
    own |= {"gamma": float(known["gamma"]) / spread**2, "reg_alpha": float(known["reg_alpha"]) / spread}
    metric = loss if known["eval_metric"] == "auto" else known["eval_metric"]
    own |= {"objective": objective, "eval_metric": metric, "tree_method": "hist", "device": device(known["device"])}
    return own | ({"num_class": problem.classes} if problem.facts.table else {})


class XGBoostModel:
    """A fitted booster; features are named f0 … in model order, because the ONNX converter insists.

    ``before``: its rounds that are another model's, from which the fit went on.
    """

    def __init__(self, booster: Any, problem: Problem, threads: int, curve: Curve = (), before: int = 0) -> None:
        booster.set_param({"nthread": threads, "device": "cpu"})
        self.booster, self.problem, self.curve, self._threads = booster, problem, curve, threads
        self._added = booster.num_boosted_rounds() - before

    def predict(self, X: np.ndarray) -> np.ndarray:
        if len(X) == 0:  # XGBoost warns of no rows
            return np.empty((0, self.problem.classes) if self.problem.facts.table else 0)
        return self.booster.predict(_data(X, self._threads)).astype(np.float64)

    def save(self) -> bytes:
        return bytes(self.booster.save_raw("ubj"))

    def onnx(self) -> bytes:
        from onnxmltools import convert_xgboost
        from onnxmltools.convert.common.data_types import FloatTensorType

        inputs = [("input", FloatTensorType([None, self.booster.num_features()]))]
        # A given name keeps the bytes the same: the default is a random one.
        converted = convert_xgboost(self.booster, name="moebius", initial_types=inputs, target_opset=ONNX_OPSET)
        return converted.SerializeToString()

    def length(self) -> Parameters:
        return {"n_estimators": self._added, "early_stopping_rounds": 0}

    def contributions(self, X: np.ndarray) -> np.ndarray:
        return self.booster.predict(_data(X, self._threads), pred_contribs=True)

    def describe(self) -> dict[str, Any]:
        return {
            "algorithm": "gradient-boosted trees (XGBoost)",
            "trees": self.booster.num_boosted_rounds() * self.problem.outputs,
            "features": self.booster.num_features(),
            "bytes": len(self.save()),
        }


def _data(X: np.ndarray, threads: int, labels: Matrix | None = None) -> Any:
    import xgboost

    y, weight = (labels.y, labels.weight) if labels else (None, None)
    names = [f"f{i}" for i in range(X.shape[1])]
    return xgboost.DMatrix(X, y, weight=weight, feature_names=names, nthread=threads)


def _start(start: Fitted | None, problem: Problem) -> Any:
    """The trees to go on from; their codes must mean the same."""
    if start is None:
        return None
    if not isinstance(start, XGBoostModel) or start.problem.task != problem.task:
        raise TrainingError(f"xgboost cannot continue from a {start.describe()['algorithm']}; start from scratch")
    old, new = start.problem, problem
    same = len(old.inputs) == len(new.inputs) and all(map(_continues, old.inputs, new.inputs))
    if not same or old.classes != new.classes:
        raise TrainingError(
            f"xgboost cannot continue from trees of {[i.name for i in old.inputs]} with other categories, order or "
            f"classes than {[i.name for i in new.inputs]} have now; start from scratch"
        )
    return start.booster


def _continues(old: Input, new: Input) -> bool:
    """Codes that were known keep their meaning."""
    return (old.name, old.kind, old.width) == (new.name, new.kind, new.width) and (
        new.values[: len(old.values)] == old.values
    )
