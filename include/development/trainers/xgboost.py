"""Gradient-boosted trees by XGBoost's native API: same data, parameters and threads, same bytes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from include.development.trainers.protocol import Matrix, Parameters, Problem, Run, Space
from include.errors import TrainingError
from include.usecase import Range

# Not target_opset 18: the Booster converter of onnxmltools 1.16 knows opsets up to 15.
ONNX_OPSET = 15
DEFAULTS: Mapping[str, int | float | str] = {
    "n_estimators": 200,
    "max_depth": 6,
    "learning_rate": 0.1,
    "min_child_weight": 1.0,
    "subsample": 1.0,
    "colsample_bytree": 1.0,
    "reg_lambda": 1.0,
    "reg_alpha": 0.0,
    "gamma": 0.0,
    "max_bin": 256,
    "early_stopping_rounds": 30,
    "eval_metric": "logloss",  # a proper score: AUC on a short validation part stops after a handful of trees
    "seed": 0,
}
SPACE: Space = {
    "max_depth": Range(low=3, high=10, integer=True),
    "learning_rate": Range(low=0.02, high=0.3, log=True),
    "min_child_weight": Range(low=1, high=100, log=True),
    "subsample": Range(low=0.5, high=1),
    "colsample_bytree": Range(low=0.4, high=1),
    "reg_lambda": Range(low=0.1, high=100, log=True),
}
NOT_BOOSTER = ("n_estimators", "early_stopping_rounds")


class XGBoostTrainer:
    """Fits ``binary:logistic`` with histogram trees."""

    name = "xgboost"
    tasks = frozenset({"binary"})
    defaults: Parameters = DEFAULTS
    space: Space = SPACE

    def fit(
        self, problem: Problem, train: Matrix, validation: Matrix, parameters: Parameters, run: Run
    ) -> "XGBoostModel":
        import xgboost

        known, threads = _checked(parameters), run.threads
        booster_parameters = {k: v for k, v in known.items() if k not in NOT_BOOSTER}
        try:
            booster = xgboost.train(
                booster_parameters | {"objective": "binary:logistic", "tree_method": "hist", "nthread": threads},
                _data(train.X, threads, train.y),
                num_boost_round=int(known["n_estimators"]),
                evals=[(_data(validation.X, threads, validation.y), "validation")],
                early_stopping_rounds=int(known["early_stopping_rounds"]) or None,
                verbose_eval=False,
            )
        except (xgboost.core.XGBoostError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise TrainingError(f"xgboost cannot fit with {dict(known)}: {reason}; correct the parameters") from error
        return XGBoostModel(_best(booster), threads)

    def load(self, problem: Problem, content: bytes) -> "XGBoostModel":
        import xgboost

        booster = xgboost.Booster()
        try:
            booster.load_model(bytearray(content))
        except xgboost.core.XGBoostError as error:
            raise TrainingError(
                f"{len(content)} bytes are not an XGBoost model: {str(error).splitlines()[0]}"
            ) from error
        return XGBoostModel(booster, threads=1)


class XGBoostModel:
    """A fitted booster; features are named f0 … in model order, because the ONNX converter insists."""

    def __init__(self, booster: Any, threads: int) -> None:
        booster.set_param({"nthread": threads})
        self._booster, self._threads = booster, threads

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self._booster.predict(_data(X, self._threads)).astype(np.float64)

    def save(self) -> bytes:
        return bytes(self._booster.save_raw("ubj"))

    def onnx(self) -> bytes:
        from onnxmltools import convert_xgboost
        from onnxmltools.convert.common.data_types import FloatTensorType

        inputs = [("input", FloatTensorType([None, self._booster.num_features()]))]
        # A given name keeps the bytes the same: the default is a random one.
        converted = convert_xgboost(self._booster, name="moebius", initial_types=inputs, target_opset=ONNX_OPSET)
        return converted.SerializeToString()

    def contributions(self, X: np.ndarray) -> np.ndarray:
        return self._booster.predict(_data(X, self._threads), pred_contribs=True)

    def describe(self) -> dict[str, Any]:
        return {
            "algorithm": "gradient-boosted trees (XGBoost)",
            "trees": self._booster.num_boosted_rounds(),
            "features": self._booster.num_features(),
            "bytes": len(self.save()),
        }


def _data(X: np.ndarray, threads: int, y: np.ndarray | None = None) -> Any:
    import xgboost

    return xgboost.DMatrix(X, y, feature_names=[f"f{i}" for i in range(X.shape[1])], nthread=threads)


def _best(booster: Any) -> Any:
    """The trees up to the best round only, so that every runtime scores with the same ones."""
    best = booster.attr("best_iteration")
    return booster if best is None else booster[: int(best) + 1]


def _checked(parameters: Parameters) -> Parameters:
    if unknown := sorted(set(parameters) - set(DEFAULTS)):
        raise TrainingError(f"xgboost has no parameters {unknown} here; allowed: {', '.join(DEFAULTS)}")
    known = {**DEFAULTS, **parameters}
    for name, default in DEFAULTS.items():
        if isinstance(known[name], str) != isinstance(default, str):
            raise TrainingError(f"xgboost parameter {name} = {known[name]!r} must be like {default!r}")
    if int(known["n_estimators"]) < 1:
        raise TrainingError(f"xgboost parameter n_estimators = {known['n_estimators']} must be 1 or more")
    return known
