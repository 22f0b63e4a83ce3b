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


def in_order(facts: dict, scores, classes: list):
    """Scores [N, K] with a column per class of ``classes``, by name; 0 for one that the release does not know."""
    if not classes or facts["classes"] == classes:
        return scores
    places = {name: place for place, name in enumerate(facts["classes"])}
    columns = [scores[:, places[name]] if name in places else np.zeros(len(scores)) for name in classes]
    return np.stack(columns, axis=1)


def tensors(facts: dict, scores, classes: list | None = None) -> dict:
    """Output name → array [N, m]; which ones there are is what ``include/families/serving.py`` declares.

    ``classes``: the order of the columns of ``scores``; the release's own without.
    """
    outputs = {"prediction": _predictions(facts, codes(facts, scores)).reshape(-1, 1)}
    if facts["answers_with_probability"]:
        outputs["probability"] = headline(scores).astype(np.float32).reshape(-1, 1)
    if facts["scores"] == "table":
        outputs["scores"] = np.ascontiguousarray(in_order(facts, scores, classes or []), dtype=np.float32)
    return outputs


def _predictions(facts: dict, predictions):
    """Names of classes as bytes, whole numbers for other classes and clusters, or values; [N]."""
    if facts["classes"]:
        return named(facts, predictions)
    return predictions.astype(np.float64 if facts["predicts"] == "value" else np.int64)


def named(facts: dict, predictions):
    """What is predicted [N], comparable between releases: names of classes as bytes, else as it is."""
    if not facts.get("classes"):
        return predictions
    return np.array([facts["classes"][code].encode() for code in predictions], dtype=object)


def records(facts: dict, scores) -> list:
    """What the log keeps per row: ``prediction``, ``probability`` (None where there is none) and ``scores``."""
    predictions, best = codes(facts, scores).astype(float).tolist(), headline(scores).tolist()
    probable = best if facts["answers_with_probability"] else [None] * len(best)
    return [
        {"prediction": prediction, "probability": probability, "scores": row}
        for prediction, probability, row in zip(predictions, probable, scores.tolist(), strict=True)
    ]
