"""The answers of a window that has so many that their features stay in the files of the lake."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from include.contracts.tables import RowFilter
from include.errors import DataError
from include.formats.exact_frames import exact_frame
from include.operations.monitoring.large_windows import InFiles
from include.operations.windows.sample import drawn
from include.ports.lake import Lake
from include.records.registry import PREDICTIONS
from include.specification.usecase import UseCase

MANY = 200_000
"""Answers of a window that are held with all their columns: 320 MB of 200 numbers, and some copies of them."""
SAMPLE = 100_000
"""Answers of a release that are held so in a larger window: a share of one half is known to 0.3 % of the rows."""


class AnswersInFiles:
    """``rows`` (n) are the answers without their features, in the order of the files at one version of the table.

    Raises DataError when the table lacks a feature.
    """

    def __init__(self, spec: UseCase, lake: Lake, wanted: RowFilter) -> None:
        self._spec, self._lake, self._wanted = spec, lake, wanted
        self._version = lake.version(spec.name, PREDICTIONS.name)
        there = lake.schema(spec.name, PREDICTIONS.name, self._version).names
        if missing := sorted({*spec.feature_names} - {*there}):
            raise DataError(f"features {missing} of {spec.name} are not in the data; it has {there}")
        keys = {entity.key for entity in spec.entities.values()}
        self._features = [name for name in spec.feature_names if name not in keys]
        self.rows = self._read([name for name in there if name not in self._features])
        self._places = np.arange(len(self.rows))

    def keep(self, chosen: np.ndarray) -> "AnswersInFiles":
        """Leave the chosen answers (n,) alone."""
        self._places = np.where(chosen, np.cumsum(chosen) - 1, -1)
        self.rows = self.rows[chosen].reset_index(drop=True)
        return self

    def of_release(self, name: str) -> tuple[pd.DataFrame, InFiles]:
        """The answers of a release without their features, and those; a sample of them has them."""
        mine = (self.rows["release"] == name).to_numpy()
        rows = self.rows[mine].reset_index(drop=True)
        places = np.where(self._places >= 0, np.append(np.where(mine, np.cumsum(mine) - 1, -1), -1)[self._places], -1)
        return rows, self._files(rows, places)

    def sample(self) -> pd.DataFrame:
        """A sample of the answers of all releases, with their features."""
        return self._files(self.rows, self._places).joined(self.rows, pd.Series(range(len(self.rows))))

    def _files(self, rows: pd.DataFrame, places: np.ndarray) -> InFiles:
        sampled = np.flatnonzero(drawn(rows[self._spec.event.id], SAMPLE))
        return InFiles(lambda names: self._placed(names, places), len(rows), self._sample(places, sampled))

    def _sample(self, places: np.ndarray, sampled: np.ndarray) -> pd.DataFrame:
        """The features of the answers at these places."""
        wanted = np.zeros(len(self.rows) + 1, bool)  # the last one: of no place
        wanted[sampled] = True
        columns = dict[str, pd.Series]()
        for name in self._features:  # one after the other: little more than the sample is held
            parts = [
                pa.table([b.column(0).filter(pa.array(wanted[at]))], [name]) for b, at in self._placed([name], places)
            ]
            columns[name] = exact_frame(pa.concat_tables(parts))[name]
        found = places[(places >= 0) & wanted[places]]
        return pd.DataFrame(columns).set_axis(found)

    def _placed(self, names: Sequence[str], places: np.ndarray) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        begin = 0
        for batch in self._batches(names):
            yield batch, places[begin : begin + batch.num_rows]
            begin += batch.num_rows

    def _batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        wanted = self._wanted.model_copy(update={"columns": list(names)})
        return self._lake.batches(self._spec.name, PREDICTIONS.name, wanted, self._version)

    def _read(self, names: Sequence[str]) -> pd.DataFrame:
        return exact_frame(pa.Table.from_batches(self._batches(names)))
