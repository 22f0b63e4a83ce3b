"""Windows with more answers than fit in memory with all their columns: features stay in files and are counted there.

Drift, missing values and the faults of columns are of all answers; what needs rows with all their columns, as skew and
quality, is measured on a sample.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from include.evaluation.block_counts import groups_of
from include.operations.drift import column_faults, counting, drift
from include.operations.windows.window import Whole, blocks_or_times
from include.specification.usecase import UseCase


@dataclass(frozen=True)
class InFiles:
    """The features of n answers: ``read`` gives columns in batches, with the position (-1: none of the n) of each row.

    ``sampled`` has all features of a sample of the answers; its index are their positions.
    """

    read: Callable[[Sequence[str]], Iterable[tuple[pa.RecordBatch, np.ndarray]]]
    rows: int
    sampled: pd.DataFrame

    def joined(self, answers: pd.DataFrame, positions: pd.Series) -> pd.DataFrame:
        """Those of the answers, at these positions among the n, that are in the sample, with their features."""
        there = positions.isin(self.sampled.index).to_numpy()
        features = self.sampled.loc[positions[there]].set_index(answers.index[there])
        others = [name for name in features if name not in answers]
        return pd.concat([answers[there], features[others]], axis=1).reset_index(drop=True)


def whole(
    spec: UseCase, baseline: Mapping[str, Any], asked: pd.DataFrame, positions: pd.Series, files: InFiles
) -> Whole:
    """The answers ``asked`` that are judged, at these positions, with the counts of their features.

    Raises DataError when the baseline does not know a feature.
    """
    blocks, days = blocks_or_times(spec, asked), column_faults.days_of(spec, asked)
    groups = groups_of(blocks) if blocks.unit != "row" else np.zeros(len(asked), np.int64)
    place = np.full(files.rows, -1)
    place[positions] = np.arange(len(asked))

    def read(names: Sequence[str]) -> Iterable[counting.Batch]:
        for batch, at in files.read(names):
            rows = np.where(at >= 0, place[at], -1)
            chosen = rows >= 0
            rows = rows[chosen]
            yield counting.Batch(batch.filter(pa.array(chosen)), groups[rows], days.codes[rows], rows)

    described = drift.described_features(spec, baseline)
    count = int(groups.max(initial=-1)) + 1 if blocks.unit != "row" else 0
    return Whole(asked, blocks, *counting.counted_with_facts(described, read, count, days.number, len(asked)))
