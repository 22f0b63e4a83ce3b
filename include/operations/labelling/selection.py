"""Active selection: the unlabelled rows whose label would teach the model most, without similar rows.

How unsure a row is: the entropy of the class probabilities, or how near the two largest are (Settles, "Active Learning
Literature Survey", 2009), or how far several releases are apart, query by committee: the mean Kullback-Leibler
divergence to their mean for classes (McCallum and Nigam, ICML 1998), the standard deviation for numbers. Among the
most unsure the greedy k-centre method spreads the choice (Gonzalez, Theoretical Computer Science 38, 1985; for active
learning Sener and Savarese, ICLR 2018), with the distance of Gower (Biometrics 27, 1971) for features of all kinds.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from include.contracts.spelling import as_text, codes
from include.errors import DataError
from include.families.registry import family
from include.specification.usecase import UseCase

POOL, SHARE = 5, 0.25  # the choice is spread among so many times the rows asked for, of this most unsure share
TIED = 10_000  # as many rows that are equally unsure as the last of these belong to them
DIGITS = 9  # of the uncertainty: what differs later is rounding, and must not decide


def select(
    spec: UseCase, rows: pd.DataFrame, members: Sequence[np.ndarray], count: int
) -> tuple[list[int], np.ndarray]:
    """Positions of ``count`` rows at most, the most unsure first, and how unsure every row is, (n,).

    The same rows in any order give the same choice. Fewer are chosen when the rest are copies of chosen ones.

    Parameters
    ----------
    rows : (n) candidates: event id and feature columns
    members : scores (n,) or (n, K) of the champion, then of other releases; one alone disagrees with nobody, so that
        the strategy ``disagreement`` then goes by variety only

    Raises DataError when scores do not fit the rows, or the task has no labels.
    """
    doubt = np.round(uncertainty(spec, members, len(rows)), DIGITS)
    order = np.lexsort((rows[spec.event.id].astype(str).to_numpy(), -doubt))
    copies = rows[spec.feature_names].iloc[order].duplicated().to_numpy()
    pool = _pool(order[~copies], doubt, count)
    if not len(pool):
        return [], doubt
    chosen = pool[_spread(_Space(spec, rows.iloc[pool]), count)]
    return sorted(chosen.tolist(), key=order.argsort().__getitem__), doubt


def _pool(order: np.ndarray, doubt: np.ndarray, count: int) -> np.ndarray:
    """The first of ``order`` among which the choice is made, with those that are tied with the last of them."""
    size = max(count, min(POOL * count, int(SHARE * len(order))))
    tied = doubt[order] >= doubt[order[:size]].min(initial=np.inf)
    return order[: max(size, min(int(tied.sum()), TIED))]


def uncertainty(spec: UseCase, members: Sequence[np.ndarray], n: int) -> np.ndarray:
    """(n,) by ``labelling.strategy``: in [0, 1] for classes, in units of the label for numbers; more is less sure."""
    if spec.event.label is None or spec.labelling is None:
        raise DataError(f"{spec.name}: nothing can be labelled: its task is {spec.task}, labelling is {spec.labelling}")
    if not members or any(len(scores) != n for scores in members):
        raise DataError(f"{spec.name}: scores of {[len(scores) for scores in members]} rows for {n} rows")
    return family(spec).uncertainty(spec.labelling.strategy, members)


class _Space:
    """Rows with Gower's distance: the mean over features of 0 (equal) to 1 (other category, ends of the range)."""

    def __init__(self, spec: UseCase, rows: pd.DataFrame) -> None:
        numeric = [f.name for f in spec.features if f.kind == "numeric"]
        numbers = rows[numeric].to_numpy(dtype=float, na_value=np.nan)
        self.missing = np.isnan(numbers)
        known = np.where(self.missing, 0.0, numbers)
        low = np.where(self.missing, np.inf, numbers).min(axis=0, initial=np.inf)
        high = np.where(self.missing, -np.inf, numbers).max(axis=0, initial=-np.inf)
        spread = np.where(high > low, high - low, 1.0)
        self.numbers = known / spread
        others = [codes(as_text(rows[f.name])) for f in spec.features if f.kind != "numeric"]
        self.codes = np.stack(others, axis=1) if others else np.empty((len(rows), 0))

    def __len__(self) -> int:
        return len(self.numbers)

    def from_row(self, row: int) -> np.ndarray:
        """(n,) distances; a value that one of two rows lacks counts as far as can be."""
        apart = np.minimum(np.abs(self.numbers - self.numbers[row]), 1.0)
        apart = np.where(self.missing | self.missing[row], self.missing != self.missing[row], apart)
        return np.concatenate([apart, self.codes != self.codes[row]], axis=1).mean(axis=1)


def _spread(space: _Space, count: int) -> np.ndarray:
    """Greedy k-centre: the first row, then again and again the one furthest from all that are chosen."""
    chosen, nearest = [0], space.from_row(0)
    while len(chosen) < min(count, len(space)):
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, space.from_row(chosen[-1]))
    return np.array(chosen)
