"""Groups without labels: a score is the nearness to each cluster."""

from typing import Any

import numpy as np
import pandas as pd

from include.families.protocol import Family, LabelFigures, Picture
from include.specification.usecase import UseCase

PROFILED = 20  # features of the clusters' profile


class Clustering(Family):
    """There is no label: the truth is the space (n, d) of the numeric features."""

    name = "clustering"
    unit = "nearness"
    summary_title = ""

    def truth(self, spec: UseCase, frame: pd.DataFrame) -> np.ndarray:
        """The numeric features, centred on their median and scaled by their interquartile range in these rows.

        Without spread a feature is left as it is, and a missing value lies in the middle: models that scale
        differently are judged in one space.
        """
        X = frame[_numeric(spec)].to_numpy(dtype=np.float64)
        low, middle, high = np.nanquantile(X, [0.25, 0.5, 0.75], axis=0)
        return np.nan_to_num((X - middle) / np.where(high > low, high - low, 1.0))

    def label_figures(self, spec: UseCase, y: np.ndarray) -> LabelFigures:
        return []

    def answer_name(self, spec: UseCase, code: int) -> str:
        return f"cluster {code}"

    def outcome(self, spec: UseCase, truth: Any, scores: Any) -> str:
        return f"for {self.answer_name(spec, int(np.argmax(scores)))}"

    def summary(self, spec: UseCase, y: np.ndarray) -> str:
        return ""

    def pictures(self, spec: UseCase, frame: pd.DataFrame, y: np.ndarray, scores: np.ndarray) -> dict[str, Picture]:
        cluster, count, names = self.predicted(scores), scores.shape[1], _numeric(spec)
        centres = _centres(y, cluster, count)
        apart = np.nanmax(centres, axis=0) - np.nanmin(centres, axis=0)
        widest = np.sort(np.argsort(-apart, kind="stable")[:PROFILED])
        caption = "Median of each cluster: distance of each feature from the median of all rows."
        return {
            "clusters": Picture("clusters", (y, cluster, count), "Rows of the test part by cluster."),
            "profile": Picture("profile", (centres[:, widest], [names[i] for i in widest]), caption),
        }


def _numeric(spec: UseCase) -> list[str]:
    return [f.name for f in spec.features if f.kind == "numeric"]


def _centres(space: np.ndarray, cluster: np.ndarray, count: int) -> np.ndarray:
    """Medians (K, d) of the clusters' rows; NaN where a cluster has none."""
    centres = np.full((count, space.shape[1]), np.nan)
    for k in np.unique(cluster):
        centres[k] = np.median(space[cluster == k], axis=0)
    return centres


FAMILY = Clustering()
