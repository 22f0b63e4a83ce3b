"""Drift by feature and window, as it is shown: the value, the limit it is held against, and whether it is judged."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from include.contracts.operations import Figure
from include.contracts.period import Period

DRIFT, OF_ANSWERS = "psi", "prediction_psi"
ANSWERS = ""
"""Stands for a feature where the answers of the release are meant."""
State = Literal["within", "near", "beyond", "far beyond", "chance", "not judged"]
NEAR, FAR = 0.5, 4.0
"""Of the limit: from where on a value is near it, and far beyond it."""


class Cell(NamedTuple):
    """One feature in one window; ``feature`` is '' for the answers of the release."""

    period: Period
    release: str
    feature: str
    state: State
    figure: Figure


def cells(figures: Iterable[Figure], main: Mapping[Period, str], limit: float) -> list[Cell]:
    """Of the release that answered most of each window, by window and feature."""
    return [
        Cell(f.period, f.release, f.subject, state(f, limit), f)
        for f in figures
        if f.name in (DRIFT, OF_ANSWERS) and main.get(f.period) == f.release
    ]


def state(figure: Figure, limit: float) -> State:
    """How the figure stands to the limit. Above it, but no more than chance alone reaches, is no drift."""
    if figure.state in ("too few", "constant"):
        return "not judged"
    if figure.value <= limit:
        return "within" if figure.value <= NEAR * limit else "near"
    if not figure.beyond(limit):
        return "chance"
    return "beyond" if figure.value <= FAR * limit else "far beyond"


def drifted(cells: Iterable[Cell]) -> list[Cell]:
    """Those beyond the limit and beyond chance, the farthest first; answers are no feature."""
    beyond = [cell for cell in cells if cell.feature != ANSWERS and cell.state in ("beyond", "far beyond")]
    return sorted(beyond, key=lambda cell: -cell.figure.value)


def ordered(cells: Sequence[Cell]) -> list[str]:
    """Features by drift: in how many windows they are beyond the limit, then by their newest value; answers first."""
    features = {cell.feature for cell in cells}
    newest = {cell.feature: cell.figure.value for cell in sorted(cells, key=lambda cell: cell.period)}
    beyond = dict.fromkeys(features, 0)
    for cell in cells:
        beyond[cell.feature] += cell.state in ("beyond", "far beyond")
    return sorted(features, key=lambda name: (name != ANSWERS, -beyond[name], -newest[name], name))
