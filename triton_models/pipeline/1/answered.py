"""A batch of requests with its answers, for the figures, the log and the responses."""

import binascii
import os
import time
from itertools import accumulate, pairwise

import answers
import numpy as np
from missing import UNAVAILABLE, LackingFeaturesError
from router import NothingDeployedError


class Arm:
    """Rows of a batch that one release answered; ``rows`` [n] are their places in the batch, None for all of it."""

    def __init__(self, release, rows, fields: dict, prediction) -> None:
        self.release, self.rows, self.fields, self.prediction = release, rows, fields, prediction
        self.ids = request_ids(len(prediction.scores))

    def outputs(self, tells_fallback: bool) -> dict:
        """Output name → array, a row per row."""
        scores, fallback = self.prediction.scores, self.prediction.fallback
        outputs = answers.tensors(self.release.manifest, scores, self.release.classes)
        outputs["release"] = np.full((len(scores), 1), self.release.name.encode(), dtype=object)
        outputs["request_id"] = np.array([one.encode() for one in self.ids], dtype=object).reshape(-1, 1)
        if tells_fallback:
            fell_back = np.zeros(len(scores), dtype=bool) if fallback is None else fallback
            outputs["fallback"] = fell_back.reshape(-1, 1)
        return outputs

    def records(self, seconds: float) -> list:
        """One per row, as the log keeps it."""
        now, prediction, name = time.time(), self.prediction, self.release.name
        said = answers.records(self.release.manifest, prediction.scores)
        inputs, features = _row_by_row(self.fields, len(said)), _row_by_row(prediction.features, len(said))
        records = [
            {
                "request_id": self.ids[i],
                "logged_at": now,
                "release": name,
                **said[i],
                "latency_ms": seconds * 1000,
                "missing": [],
                "inputs": inputs[i],
                "features": features[i],
            }
            for i in range(len(said))
        ]
        for view, reasons in prediction.lacking.items():
            for record, reason in zip(records, reasons, strict=True):
                if reason:
                    record.setdefault("unavailable" if reason == UNAVAILABLE else "missing", []).append(view)
        for i in () if prediction.fallback is None else np.flatnonzero(prediction.fallback):
            records[i]["fallback"] = True
        return records

    def count(self, metrics, seconds: float) -> None:
        scores, _, lacking, fallback = self.prediction
        metrics.answered(self.release.name, answers.headline(scores), lacking, fallback, seconds)


class Answered:
    """Requests with ``sizes`` rows each, one after another, and the arms that answered those rows."""

    def __init__(self, sizes: list, arms: list) -> None:
        self.sizes, self.arms = sizes, arms

    def count(self, metrics, seconds: float) -> None:
        for arm in self.arms:
            arm.count(metrics, seconds)

    def records(self, seconds: float) -> list:
        return [record for arm in self.arms for record in arm.records(seconds)]

    def groups(self, tells_fallback: bool) -> list:
        """Requests in order, together where one release answered all: their ({output name: array [N, m]}, the rows
        [begin, end) of each request)."""
        bounds = list(pairwise(accumulate(self.sizes, initial=0)))
        if len(self.arms) == 1:
            return [(self.arms[0].outputs(tells_fallback), bounds)]
        parts = [(arm.rows, arm.outputs(tells_fallback)) for arm in self.arms]
        return [(_cut(parts, begin, end), [(0, end - begin)]) for begin, end in bounds]


class Failed:
    """One request that gets an error."""

    arms = ()

    def __init__(self, error: Exception, rows: int) -> None:
        self.error, self.rows = error, rows

    @property
    def request_is_at_fault(self) -> bool:
        """Whether it was refused for what it holds, before a release had it."""
        return isinstance(self.error, ValueError) and not hasattr(self.error, "release")

    @property
    def outcome(self) -> str:
        """Whose fault it was: the client's (``bad_request``), or which part of ours."""
        if self.request_is_at_fault:
            return "bad_request"
        if isinstance(self.error, LackingFeaturesError):
            return "unavailable" if self.error.unavailable else "lookup"
        if hasattr(self.error, "release"):
            return "model"
        return "no_release" if isinstance(self.error, NothingDeployedError) else "pipeline"

    def count(self, metrics, seconds: float) -> None:
        metrics.failed(self.outcome, getattr(self.error, "release", ""), self.rows)
        if isinstance(self.error, LackingFeaturesError):
            metrics.rejected(self.error.release, self.rows, self.error.lacking)

    def records(self, seconds: float) -> list:
        return []


def request_ids(count: int) -> list:
    """Random UUIDs (version 4, RFC 9562); one call of the system for all of them."""
    digits = binascii.hexlify(os.urandom(16 * count)).decode()
    return [_uuid(digits[at : at + 32]) for at in range(0, 32 * count, 32)]


def _uuid(digits: str) -> str:
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _cut(parts: list, begin: int, end: int) -> dict:
    """The outputs of the batch's rows from ``begin`` to ``end``, from one arm or put together from several."""
    columns: dict = {}
    for rows, outputs in parts:
        first, last = np.searchsorted(rows, (begin, end))
        if last - first == end - begin:
            return {name: values[first:last] for name, values in outputs.items()}
        for name, values in outputs.items():
            whole = columns.setdefault(name, np.empty((end - begin, *values.shape[1:]), values.dtype))
            whole[rows[first:last] - begin] = values[first:last]
    return columns


def _row_by_row(columns: dict, count: int) -> list:
    """{name: values} per row."""
    if not columns:
        return [{}] * count
    plain = [values.tolist() if isinstance(values, np.ndarray) else values for values in columns.values()]
    return [dict(zip(columns, row)) for row in zip(*plain)]  # noqa: B905 - of one length, and this is the hot path
