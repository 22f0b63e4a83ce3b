"""Converts the scores of a release for the client, the log and the figures; an edge bundle uses it too.

``facts`` is the release's manifest, whose flags say what a score is; scores are arrays [N, m]: one probability or
value (``column``), or K probabilities of classes or nearness to K clusters (``table``).
"""

import numpy as np


def codes(facts: dict, scores):
    """What is predicted [N]: the code of the class, the cluster, or the value."""
    if facts["scores"] == "table":
        return scores.argmax(axis=1)
    return scores[:, 0] if facts["threshold"] is None else (scores[:, 0] >= facts["threshold"]).astype(np.int64)


def headline(scores):
    """One number per row [N]: the probability or value itself, or the largest of K scores."""
    return scores.max(axis=1) if scores.shape[1] > 1 else scores[:, 0]


def tensors(facts: dict, scores) -> dict:
    """Output name → array [N, m]; which ones there are is what ``include/families/serving.py`` declares."""
    outputs = {"prediction": _predictions(facts, codes(facts, scores)).reshape(-1, 1)}
    if facts["answers_with_probability"]:
        outputs["probability"] = headline(scores).astype(np.float32).reshape(-1, 1)
    if facts["scores"] == "table":
        outputs["scores"] = np.ascontiguousarray(scores, dtype=np.float32)
    return outputs


def _predictions(facts: dict, predictions):
    """Names of classes as bytes, whole numbers for other classes and clusters, or values; [N]."""
    if facts["classes"]:
        return np.array([facts["classes"][code].encode() for code in predictions], dtype=object)
    return predictions.astype(np.float64 if facts["predicts"] == "value" else np.int64)


def records(facts: dict, scores) -> list:
    """What the log keeps per row: ``prediction``, ``probability`` (None where there is none) and ``scores``."""
    predictions, best = codes(facts, scores).astype(float).tolist(), headline(scores).tolist()
    probable = best if facts["answers_with_probability"] else [None] * len(best)
    return [
        {"prediction": prediction, "probability": probability, "scores": row}
        for prediction, probability, row in zip(predictions, probable, scores.tolist(), strict=True)
    ]
