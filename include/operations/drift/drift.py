"""Drift of features and predictions against the baseline that is kept with a release."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.evaluation import Interval
from include.errors import DataError
from include.evaluation import histograms
from include.evaluation.block_counts import Drawn, by_block, packed
from include.evaluation.blocks import Blocks, days_of
from include.evaluation.counted import Counted
from include.evaluation.divergence import Divergence, between, divergence
from include.evaluation.estimator import KEPT_AS, estimator
from include.evaluation.metrics import calibration_error
from include.families.registry import family
from include.operations.drift import slice_baseline
from include.operations.windows.window import Window, blocks_or_times
from include.specification.data import Feature
from include.specification.usecase import UseCase


def baseline(
    spec: UseCase, frame: pd.DataFrame, scores: np.ndarray, metrics: Mapping[str, Interval | Mapping[str, Any]]
) -> dict[str, Any]:
    """What a release looked like on its own test set, as JSON.

    Every description has its counts by block too, where rows are in blocks: how different days are tells how far a
    window is from it without a change.

    Parameters
    ----------
    frame : (n rows) raw feature columns, and the label, coded, if it is known; with the columns that tell the block
    scores : (n,) or (n, K) as in ``include.families.protocol``
    metrics : figures of the release on these rows, each an Interval or its JSON

    Raises DataError when a feature column is missing, or there are no rows.
    """
    _require(spec, frame)
    y, blocks = _known_truth(spec, frame), blocks_or_times(spec, frame)
    with_blocks = partial(_with_blocks, blocks)
    features = {name: with_blocks(one, frame[name]) for name, one in describe(spec.features, frame.__getitem__).items()}
    return {
        "usecase": spec.name,
        "task": spec.task,
        "rows": len(frame),
        "blocks": {"unit": blocks.unit, "count": blocks.count, "days": days_of(spec, frame)},
        "features": features,
        "slices": slice_baseline.described(spec, frame, features),
        "prediction": with_blocks(_prediction(spec, scores), predictions(spec, scores)),
        "label_rate": float(y.mean()) if y is not None and family(spec).facts.threshold is not None else None,
        "calibration_error": calibration_error(y, scores) if y is not None else None,
        "metrics": {m: v.json_dict() if isinstance(v, Interval) else dict(v) for m, v in metrics.items()},
        KEPT_AS: estimates.json_dict() if (estimates := estimator(spec, frame, scores)) else None,
    }


def _with_blocks(blocks: Blocks, described: dict[str, Any], values: pd.Series) -> dict[str, Any]:
    if blocks.unit == "row":
        return described
    return described | {"by_block": packed(by_block(described, values, blocks, itself=True))}


def _known_truth(spec: UseCase, frame: pd.DataFrame) -> np.ndarray | None:
    """Class codes of the rows when all are known; None without classes."""
    kind, label = family(spec), spec.event.label
    known = kind.facts.probabilities and label in frame and bool(frame[label].notna().all())
    return kind.truth(spec, frame) if known else None


def _require(spec: UseCase, frame: pd.DataFrame) -> None:
    if missing := [n for n in spec.feature_names if n not in frame]:
        raise DataError(f"features {missing} of {spec.name} are not in the data; it has {[*frame]}")
    if frame.empty:
        raise DataError(f"there are no rows to describe the features of {spec.name}")


def describe(features: Iterable[Feature], column: Callable[[str], pd.Series]) -> dict[str, Any]:
    """The features as the rows have them, one ``column`` (n,) after the other."""
    return {feature.name: _feature(feature, column(feature.name)) for feature in features}


def _feature(feature: Feature, values: pd.Series) -> dict[str, Any]:
    if feature.kind == "categorical":
        return histograms.categorical(values)
    return histograms.text(values) if feature.kind == "text" else histograms.numeric(values, feature.bins)


def _prediction(spec: UseCase, scores: np.ndarray) -> dict[str, Any]:
    """Probabilities and values in bins that the release's own answers fill equally, classes and clusters by name."""
    kind, answers = family(spec), predictions(spec, scores)
    if scores.ndim == 2:
        return histograms.categorical(answers, kind.names(spec, scores.shape[1]))
    return histograms.numeric(answers)


def predictions(spec: UseCase, scores: np.ndarray) -> pd.Series:
    """What is watched of the answers: (n) probabilities, values, or names of the predicted class or cluster."""
    if scores.ndim == 1:
        return pd.Series(np.asarray(scores, dtype=float))
    kind = family(spec)
    return pd.Series(np.array(kind.names(spec, scores.shape[1]))[kind.predicted(scores)])


def columns_by_input(spec: UseCase) -> dict[str, list[str]]:
    """Feature as people know it → its columns: a tensor's many, or the one of its own name."""
    grouped: dict[str, list[str]] = {}
    for feature in spec.features:
        grouped.setdefault(feature.tensor or feature.name, []).append(feature.name)
    return grouped


def drawn_of(window: Window) -> Drawn | None:
    """Of which blocks the answers of a window are, beside those of the baseline; None where rows are judged."""
    kept, blocks = window.baseline.get("blocks", {"unit": "row"}), window.answered_blocks
    if "row" in (kept["unit"], blocks.unit):
        return None
    return Drawn(blocks, days_of(window.spec, window.answered), kept)


def feature_drift(
    spec: UseCase, described: Mapping[str, Any], frame: pd.DataFrame, drawn: Drawn | None = None
) -> dict[str, Divergence]:
    """How far every feature column is from the baseline ``described``; ``drawn`` as in ``divergence``.

    Raises DataError when a feature is missing in the data or in the baseline, or there are no rows.
    """
    _require(spec, frame)
    return {name: divergence(one, frame[name], drawn) for name, one in described_features(spec, described).items()}


def counted_drift(counts: Mapping[str, Counted], drawn: Drawn | None = None) -> dict[str, Divergence]:
    """The same of columns that were counted in batches; raises DataError when there are no rows."""
    sides = {name: drawn.sides(c.described, c.by_block) if drawn else () for name, c in counts.items()}
    return {name: between(column.pair(), *sides[name]) for name, column in counts.items()}


def window_drift(window: Window, drawn: Drawn | None) -> dict[str, Divergence]:
    """How far every feature column of all answers of a window is from the baseline; errors as ``feature_drift``."""
    if window.whole:
        return counted_drift(window.whole.counts, drawn)
    return feature_drift(window.spec, window.baseline, window.asked, drawn)


def described_features(spec: UseCase, baseline: Mapping[str, Any]) -> dict[str, Any]:
    """Every feature column as the baseline describes it; raises DataError when it does not."""
    if missing := [n for n in spec.feature_names if n not in baseline["features"]]:
        unknown = f"the baseline of {spec.name} does not know the features {missing}"
        raise DataError(f"{unknown}; it belongs to another release")
    return {name: baseline["features"][name] for name in spec.feature_names}


def prediction_drift(
    spec: UseCase, described: Mapping[str, Any], scores: np.ndarray, drawn: Drawn | None = None
) -> Divergence:
    """How far the answers with ``scores`` (n,) or (n, K) are from the baseline."""
    return divergence(described["prediction"], predictions(spec, scores), drawn)


def has_one_value(described: Mapping[str, Any]) -> bool:
    """Whether all described rows have the same value, or none has any."""
    counts = described["counts"]
    if described["kind"] != "numeric":
        return sum(map(bool, [*counts.values(), described["missing"]])) <= 1
    others = [*described.get("infinite", ()), described.get("unreadable", 0), described["missing"]]
    return sum(map(bool, others)) + ("low" in described) <= 1 and described.get("low") == described.get("high")


def missing_share(described: Mapping[str, Any]) -> float:
    """Share of feature cells that were missing in the baseline."""
    features = described["features"].values()
    return float(sum(f["missing"] for f in features) / (described["rows"] * len(features)))
