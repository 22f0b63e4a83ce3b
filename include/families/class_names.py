"""The code of a class means the name that was kept with it: codes and scores are mapped by name, or refused.

Names are kept with a dataset, a model and a release; ``event.classes`` of the spec may change its order meanwhile.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from include.errors import DataError

WAY_OUT = "train and release a model with the classes that the spec has now, or put the spec's classes back"
GONE = "put the spec's classes back, or begin a use case of another name with the new ones"


def maps(names: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether everything with classes of these names can be said in the ``wanted`` ones."""
    return bool(names) == bool(wanted) and set(names) <= set(wanted)


def require(who: str, names: Sequence[str], wanted: Sequence[str]) -> None:
    """Raises DataError unless ``who`` has classes of these names in this order: its codes would mean others."""
    if list(names) != list(wanted):
        raise DataError(f"{who} has the classes {_named(names)}, event.classes are {_named(wanted)}; {WAY_OUT}")


def in_order(who: str, scores: np.ndarray, names: Sequence[str], wanted: Sequence[str]) -> np.ndarray:
    """Scores (n, K) of the classes ``names`` as (n, len(wanted)); a class that ``who`` does not know scores 0.

    Raises DataError when ``who`` knows a class that is not wanted: its score cannot be given to another.
    """
    if list(names) == list(wanted):
        return scores
    _require_known(who, names, wanted)
    mapped = np.zeros((len(scores), len(wanted)), dtype=scores.dtype)
    mapped[:, _places(names, wanted)] = scores
    return mapped


def recoded(
    who: str, frame: pd.DataFrame, label: str | None, names: Sequence[str], wanted: Sequence[str]
) -> pd.DataFrame:
    """The rows with the codes that their labels have among the ``wanted`` classes; errors as ``in_order``."""
    if label is None or list(names) == list(wanted):
        return frame
    _require_known(who, names, wanted)
    return frame.assign(**{label: places(frame[label].to_numpy(), names, wanted)})


def places(codes: np.ndarray, names: Sequence[str], wanted: Sequence[str]) -> np.ndarray:
    """Codes (n,) of the classes ``names`` as codes of the ``wanted`` ones, of the same type."""
    if list(names) == list(wanted):
        return codes
    return np.array(_places(names, wanted), dtype=codes.dtype)[codes.astype(int)]


def _places(names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    return [list(wanted).index(name) for name in names]


def _require_known(who: str, names: Sequence[str], wanted: Sequence[str]) -> None:
    if not maps(names, wanted):
        gone = sorted(set(names) - set(wanted))
        what = f"knows the classes {gone}" if gone else f"has the classes {_named(names)}"
        raise DataError(f"{who} {what}, event.classes are {_named(wanted)}; {GONE if gone else WAY_OUT}")


def _named(names: Sequence[str]) -> str:
    return str(list(names)) if names else "without names"
