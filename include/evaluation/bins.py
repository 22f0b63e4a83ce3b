"""The bins of a described distribution by name: what rows are sliced by.

They are those of ``histograms.bins_of``: of categories the fifty most common of the description, ``other`` ones,
``unseen`` ones that it never had, ``missing``; of numbers the bins of the description, ``unseen`` for those beyond its
range, ``no number``, ``missing``. A category that is itself called like one of these stands in quotes.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from include.evaluation.histograms import common_names

OTHER, UNSEEN, MISSING, NO_NUMBER = "other", "unseen", "missing", "no number"
DIGITS = (6, 9, 17)


def names(described: Mapping[str, Any]) -> list[str]:
    """The bins (k,) in the order of their codes; the two outer ones of numbers are one, and have one name."""
    if described["kind"] == "numeric":
        return [UNSEEN, *_ranges(described["edges"]), UNSEEN, NO_NUMBER, MISSING]
    own = [f'"{name}"' if name in (OTHER, UNSEEN, MISSING) else name for name in common_names(described)]
    return [*own, OTHER, UNSEEN, MISSING]


def _ranges(edges: list[float]) -> list[str]:
    """Bins [edge, next edge) in words, in as many digits as tell them apart."""
    if not edges:
        return ["every number"]
    every = ([f"{edge:.{digits}g}" for edge in edges] for digits in DIGITS)
    written = next(text for text in every if len({*text}) == len(text))
    return [
        f"below {written[0]}",
        *(f"{low} to below {high}" for low, high in pairwise(written)),
        f"from {written[-1]}",
    ]
