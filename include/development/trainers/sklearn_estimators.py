"""scikit-learn's estimators by name, and the preprocessing that each of them needs."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from include.development.trainers.protocol import Parameters, Problem
from include.errors import TrainingError
from include.specification.task import Predicts


class Estimator(NamedTuple):
    """``arguments`` maps scikit-learn's names to ours; ``scaled``: it compares sizes of columns, so they are scaled."""

    predicts: Predicts
    path: str
    arguments: Mapping[str, str]
    scaled: bool = True
    fixed: Mapping[str, Any] = {}


FOREST = {"n_estimators": "n_estimators", "max_depth": "max_depth", "min_samples_leaf": "min_samples_leaf"}
BOOSTING = {
    "max_iter": "n_estimators", "max_depth": "max_depth", "min_samples_leaf": "min_samples_leaf",
    "learning_rate": "learning_rate",
}  # fmt: skip
MEANS = {"n_clusters": "clusters", "n_init": "n_init", "max_iter": "max_iter"}
MIXTURE = {"n_components": "clusters", "n_init": "n_init", "max_iter": "max_iter"}
UNSTOPPED = {"early_stopping": False}
ESTIMATORS: Mapping[str, tuple[Estimator, ...]] = {
    "logistic_regression": (Estimator("class", "linear_model.LogisticRegression", {"C": "C", "max_iter": "max_iter"}),),
    "linear_regression": (Estimator("value", "linear_model.LinearRegression", {}),),
    "ridge": (Estimator("value", "linear_model.Ridge", {"alpha": "alpha"}),),
    "elastic_net": (
        Estimator(
            "value", "linear_model.ElasticNet", {"alpha": "alpha", "l1_ratio": "l1_ratio", "max_iter": "max_iter"}
        ),
    ),
    "random_forest": (
        Estimator("class", "ensemble.RandomForestClassifier", FOREST, scaled=False),
        Estimator("value", "ensemble.RandomForestRegressor", FOREST, scaled=False),
    ),
    "extra_trees": (
        Estimator("class", "ensemble.ExtraTreesClassifier", FOREST, scaled=False),
        Estimator("value", "ensemble.ExtraTreesRegressor", FOREST, scaled=False),
    ),
    "hist_gradient_boosting": (
        Estimator("class", "ensemble.HistGradientBoostingClassifier", BOOSTING, scaled=False, fixed=UNSTOPPED),
        Estimator("value", "ensemble.HistGradientBoostingRegressor", BOOSTING, scaled=False, fixed=UNSTOPPED),
    ),
    "kmeans": (Estimator("cluster", "cluster.KMeans", MEANS),),
    "minibatch_kmeans": (Estimator("cluster", "cluster.MiniBatchKMeans", MEANS),),
    "gaussian_mixture": (Estimator("cluster", "mixture.GaussianMixture", MIXTURE, fixed={"reg_covar": 1e-4}),),
}
AUTO: Mapping[Predicts, str] = {"class": "logistic_regression", "value": "ridge", "cluster": "kmeans"}
REDUCERS = {"pca": "PCA", "truncated_svd": "TruncatedSVD"}


def chosen(problem: Problem, parameters: Parameters) -> tuple[str, Estimator]:
    """The estimator's name and entry; ``auto`` is the plainest one for the task. Raises TrainingError."""
    name = str(parameters["estimator"])
    name = AUTO[problem.facts.predicts] if name == "auto" else name
    for candidate in ESTIMATORS[name]:
        if problem.facts.predicts == candidate.predicts:
            return name, candidate
    able = [n for n, kinds in ESTIMATORS.items() if any(problem.facts.predicts == kind.predicts for kind in kinds)]
    raise TrainingError(f"sklearn estimator {name!r} cannot do {problem.task}; these can: {', '.join(able)}")


def penalised(problem: Problem, parameters: Parameters, spread: float) -> Parameters:
    """The parameters for labels that were divided by ``spread``: elastic net's L1 penalty is in units of the label."""
    if chosen(problem, parameters)[0] != "elastic_net" or spread == 1:
        return parameters
    alpha, share = float(parameters["alpha"]), float(parameters["l1_ratio"])
    first, second = alpha * share / spread, alpha * (1 - share)
    ratio = first / (first + second) if first + second else share
    return {**parameters, "alpha": first + second, "l1_ratio": ratio}


def pipeline(problem: Problem, parameters: Parameters, threads: int) -> Any:
    """Preparation, the dimension reduction that is asked for, and the estimator, not fitted.

    Raises TrainingError for an input that no estimator can read, or more components than columns.
    """
    from sklearn.pipeline import make_pipeline

    _, estimator = chosen(problem, parameters)
    reducer = _reducer(problem, parameters)
    scaled = estimator.scaled or reducer is not None
    steps = [preparation(problem, scaled), *([reducer] if reducer is not None else [])]
    return make_pipeline(*steps, _estimator(estimator, parameters, threads))


def preparation(problem: Problem, scaled: bool) -> Any:
    """Numbers with the median for missing (and ``scaled``), categories as one column each, unknown ones as none."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    _require_columns(problem)
    kinds = [one.kind for one in problem.inputs]
    numbers = [i for i, kind in enumerate(kinds) if kind == "numeric"]
    categories = [i for i, one in enumerate(problem.inputs) if one.kind == "categorical" and one.size]
    known = [np.arange(problem.inputs[i].size, dtype=np.float32) for i in categories]
    impute = SimpleImputer(strategy="median", keep_empty_features=True)
    one_hot = OneHotEncoder(categories=known, handle_unknown="ignore", sparse_output=False, dtype=np.float32)
    parts = [("numbers", make_pipeline(impute, StandardScaler()) if scaled else impute, numbers)]
    return ColumnTransformer([p for p in [*parts, ("categories", one_hot, categories)] if p[2]])


def _require_columns(problem: Problem) -> None:
    if texts := [one.name for one in problem.inputs if one.kind == "text"]:
        raise TrainingError(f"sklearn reads numbers and categories, {texts} are text; use torch_text or torch_tabular")
    if not any(one.kind == "numeric" or one.size for one in problem.inputs):
        raise TrainingError("sklearn: no feature has a known number or category to learn from")


def _reducer(problem: Problem, parameters: Parameters) -> Any:
    if parameters["reduce"] == "none":
        return None
    width = sum(one.size if one.kind == "categorical" else 1 for one in problem.inputs)
    if not int(parameters["components"]) < width:
        raise TrainingError(f"sklearn parameter components = {parameters['components']} must be below {width} columns")
    kind = getattr(import_module("sklearn.decomposition"), REDUCERS[str(parameters["reduce"])])
    # Not arpack or a randomised solver with few sweeps: equal fits must be equal.
    return kind(int(parameters["components"]), random_state=int(parameters["seed"]))


def _estimator(estimator: Estimator, parameters: Parameters, threads: int) -> Any:
    module, name = estimator.path.rsplit(".", 1)
    kind = getattr(import_module(f"sklearn.{module}"), name)
    arguments: dict[str, Any] = {theirs: parameters[ours] for theirs, ours in estimator.arguments.items()}
    if "max_depth" in arguments:
        arguments["max_depth"] = arguments["max_depth"] or None
    if "random_state" in kind().get_params():
        arguments["random_state"] = int(parameters["seed"])
    if name.endswith(("ForestClassifier", "ForestRegressor", "TreesClassifier", "TreesRegressor")):
        arguments["n_jobs"] = threads
    return kind(**arguments, **estimator.fixed)
