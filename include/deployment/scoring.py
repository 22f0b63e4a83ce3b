"""A release's model without the server: rows in, scores out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.encoding import Encoding
from include.deployment import release
from include.errors import DataError
from include.families.class_names import in_order


class OnnxModel:
    """An ONNX model with the encoding it was trained with.

    ``width`` is the number of scores per row: the last columns of the model's last output. ``table``: scores have the
    shape (n, K). ``threads``: 0 is one per core.
    """

    def __init__(self, content: bytes, encoding: dict[str, Any], table: bool, width: int, threads: int = 0) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._input, self._output = self._session.get_inputs()[0].name, self._session.get_outputs()[-1].name
        self._encoding, self._table, self._width = Encoding(encoding["features"]), table, width

    def encode(self, rows: pd.DataFrame) -> np.ndarray:
        """Float32 of shape (rows, columns); raises DataError when a feature is missing."""
        return _matrix(self._encoding, rows)

    def encode_columns(self, columns: dict[str, np.ndarray]) -> np.ndarray:
        """The same of arrays, one per feature, where null is NaN in a number and None in a text."""
        return self._encoding.encode(columns)

    def scores(self, matrix: np.ndarray) -> np.ndarray:
        """Float64 of shape (rows,), or (rows, K) for classes and clusters; no rows have no scores."""
        if not len(matrix):
            return np.empty((0, self._width) if self._table else 0)
        answer = np.asarray(self._session.run([self._output], {self._input: matrix})[0], dtype=np.float64)
        rows = answer.reshape(len(matrix), -1)[:, -self._width :]
        return rows if self._table else rows[:, -1]

    @classmethod
    def of_release(cls, directory: Path) -> "OnnxModel":
        """That of a release, whose files are not checked here."""
        facts = release.manifest(directory)
        content = (directory / "model.onnx").read_bytes()
        return cls(content, facts["encoding"], facts["scores"] == "table", facts["scores_per_row"])


def scores(directory: Path, rows: pd.DataFrame, classes: Sequence[str] | None = None) -> np.ndarray:
    """What the release in ``directory`` says of raw feature rows: (n,), or (n, K) for classes and clusters.

    The columns are those of ``classes``, by name; without, the release's own.

    Raises DeploymentError when a file of the release lacks or was changed, DataError when the rows lack a feature, or
    the release knows a class that is not among ``classes``.
    """
    release.verify(directory)
    model, names = OnnxModel.of_release(directory), release.class_names(directory)
    return in_order(
        f"release {directory.name}", model.scores(model.encode(rows)), names, names if classes is None else classes
    )


def encoded(encoding: dict[str, Any], rows: pd.DataFrame) -> np.ndarray:
    """Raw feature rows as the model reads them; raises DataError when a feature is missing."""
    return _matrix(Encoding(encoding["features"]), rows)


def _matrix(encoding: Encoding, rows: pd.DataFrame) -> np.ndarray:
    entries = encoding.features
    if lacking := [entry["name"] for entry in entries if entry["name"] not in rows]:
        raise DataError(f"the rows to score lack the features {lacking}; they have {list(rows.columns)}")
    return encoding.encode({entry["name"]: _raw(rows[entry["name"]], entry["kind"]) for entry in entries})


def _raw(values: pd.Series, kind: str) -> np.ndarray:
    if kind == "numeric":
        return values.to_numpy(np.float64, na_value=np.nan)
    return values.astype(object).where(values.notna(), None).to_numpy(dtype=object)
