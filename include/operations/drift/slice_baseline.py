"""What the slices of a release's test set looked like, kept with its baseline: a slice is compared with itself.

Flights from one airport differ from those of all airports without any drift. The bins are those of the whole test set;
so the counts of all slices are small.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from include.evaluation import bins, histograms
from include.specification.usecase import UseCase


def described(spec: UseCase, frame: pd.DataFrame, features: Mapping[str, Any]) -> dict[str, Any]:
    """Of every column that slices are made by: slice → rows, and the rows of each feature by bin; JSON.

    ``features`` are the described features of the ``frame`` (n rows). A column that is no feature is described too.
    Slices below ``comparison.slices.min_rows`` are left out: nothing could be compared with them.
    """
    columns = [column for column in spec.monitored_slices if column in frame]
    binned = binned_features(spec, features, frame, described_rows=True) if columns else {}
    return {column: _of_column(spec, frame, column, features, binned) for column in columns}


def _of_column(
    spec: UseCase, frame: pd.DataFrame, column: str, features: Mapping[str, Any], binned: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    own = {} if column in features else {"described": histograms.categorical(frame[column])}
    slices = groups(own.get("described") or features[column], frame[column])
    enough = {value: rows for value, rows in slices.items() if len(rows) >= spec.comparison.slices.min_rows}
    sizes = {name: histograms.width_of(features[name]) for name in binned}
    return own | {
        "values": {
            value: {
                "rows": len(rows),
                "features": {n: np.bincount(c[rows], minlength=sizes[n]).tolist() for n, c in binned.items()},
            }
            for value, rows in enough.items()
        }
    }


def binned_features(
    spec: UseCase, features: Mapping[str, Any], frame: pd.DataFrame, described_rows: bool = False
) -> dict[str, np.ndarray]:
    """Feature → bin (n,) of each row; of texts, whose words are many, none."""
    known = [f.name for f in spec.features if f.kind != "text" and f.name in features]
    return {name: histograms.bins_of(features[name], frame[name], described_rows)[0] for name in known}


def groups(described_column: Mapping[str, Any], values: pd.Series) -> dict[str, np.ndarray]:
    """Slice → positions of its rows, in the order of the description's bins; slices without rows are left out."""
    codes, names = histograms.bins_of(described_column, values)[0], bins.names(described_column)
    found: dict[str, np.ndarray] = {}
    for code, rows in pd.Series(codes).groupby(codes, sort=True).indices.items():
        name = names[int(code)]
        found[name] = np.sort(np.concatenate([found[name], rows])) if name in found else rows
    return found
