"""Converts the scores of a release, by task, for the client, the log and the figures.

``facts`` is the release's manifest; scores are arrays [N, m], m as the task has it: one probability or value, K
probabilities of classes, or the nearness to K clusters.
"""

import numpy as np


def codes(facts: dict, scores):
    """What is predicted [N]: the code of the class, the cluster, or the value."""
    if facts["task"] == "binary":
        return (scores[:, 0] >= facts["threshold"]).astype(np.int64)
    return scores.argmax(axis=1) if facts["task"] in ("multiclass", "clustering") else scores[:, 0]


def headline(scores):
    """One number per row [N]: the probability or value itself, or the largest of K scores."""
    return scores.max(axis=1) if scores.shape[1] > 1 else scores[:, 0]


def tensors(facts: dict, scores) -> dict:
    """Output name → array; which ones there are is what ``include/deployment/pipeline.py`` declares."""
    said, task, rows = codes(facts, scores), facts["task"], (len(scores), 1)
    if task == "binary":
        return {"prediction": said.reshape(rows), "probability": scores.astype(np.float32)}
    if task == "multiclass":
        names = np.array([facts["classes"][code].encode() for code in said], dtype=object)
        probability = headline(scores).astype(np.float32)
        return {"prediction": names.reshape(rows), "probability": probability.reshape(rows), **_all(scores)}
    if task == "clustering":
        return {"prediction": said.astype(np.int64).reshape(rows), **_all(scores)}
    return {"prediction": said.astype(np.float32).reshape(rows)}


def _all(scores) -> dict:
    return {"scores": np.ascontiguousarray(scores, dtype=np.float32)}


def records(facts: dict, scores) -> list:
    """What the log keeps per row: ``prediction``, ``probability`` (None where there is none) and ``scores``."""
    said, best = codes(facts, scores).astype(float).tolist(), headline(scores).tolist()
    probable = best if facts["task"] in ("binary", "multiclass") else [None] * len(best)
    return [
        {"prediction": prediction, "probability": probability, "scores": row}
        for prediction, probability, row in zip(said, probable, scores.tolist(), strict=True)
    ]
