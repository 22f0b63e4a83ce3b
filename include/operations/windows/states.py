"""What a figure is worth: too few blocks to conclude anything, provisional while labels of it are not due."""

from collections.abc import Iterable
from math import floor

from include.contracts.operations import Figure
from include.evaluation.blocks import LEAST, Blocks
from include.operations.windows.window import Window


def lack(blocks: Blocks) -> str:
    """How many blocks are needed and how many there are, in words; '' when they are enough."""
    return "" if blocks.enough else f"needs {LEAST} {blocks.unit}s, has {blocks.count}"


def too_few(figures: Iterable[Figure], why: str) -> list[Figure]:
    """The figures as ``too few``; as they are where there is no reason ``why``."""
    return [_noted(f, why).model_copy(update={"state": "too few"}) if why else f for f in figures]


def of_labels(window: Window, figures: Iterable[Figure]) -> list[Figure]:
    """Figures that are measured on labels, as provisional while some labels of the window are not due."""
    if window.labels_due >= 1:
        return [*figures]
    why, usual = f"{floor(100 * window.labels_due)} % of labels due", window.usually_known
    if usual is not None:
        why += f", by now {floor(100 * usual)} % of such labels were usually known"
    return [_noted(f, why).model_copy(update={"state": _provisional(f)}) for f in figures]


def _provisional(figure: Figure) -> str:
    return "provisional" if figure.state == "judged" else figure.state


def _noted(figure: Figure, why: str) -> Figure:
    return figure.model_copy(update={"note": f"{figure.note}; {why}" if figure.note else why})
