"""Clusters whose numbers mean the same: the largest is 0, or they keep the numbers of the model they started from."""

from typing import Any

import numpy as np

from include.errors import TrainingError

MIXTURE_PARTS = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")


def start_at(estimator: Any, prepared: np.ndarray, cluster: np.ndarray, clusters: int) -> None:
    """Let the estimator begin with the centres of the rows that another model has put together.

    Raises TrainingError when that model has another number of clusters, or one of them is empty now.
    """
    sizes = np.bincount(cluster, minlength=clusters)
    if len(sizes) != clusters or not sizes.all():
        raise TrainingError(
            f"sklearn cannot continue from {len(sizes)} clusters, {int((sizes == 0).sum())} of them empty now, to "
            f"{clusters}; start from scratch"
        )
    centres = np.stack([prepared[cluster == k].mean(axis=0) for k in range(clusters)])
    beginning = "means_init" if hasattr(estimator, "means_init") else "init"
    estimator.set_params(**{beginning: centres, "n_init": 1})


def renumber(estimator: Any, prepared: np.ndarray) -> None:
    """Number the clusters by falling size in ``prepared``, so that equal fits number them equally."""
    cluster = estimator.predict(prepared)
    order = np.argsort(-np.bincount(cluster, minlength=count(estimator)), kind="stable")
    names = MIXTURE_PARTS if hasattr(estimator, "means_") else ("cluster_centers_",)
    for name in names:
        setattr(estimator, name, getattr(estimator, name)[order])


def count(estimator: Any) -> int:
    """How many clusters there are."""
    return len(estimator.means_ if hasattr(estimator, "means_") else estimator.cluster_centers_)
