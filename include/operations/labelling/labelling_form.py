"""How the form shows a row to label: a picture, a curve or a table, and the answer of the release."""

from collections.abc import Collection
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd

from include.families.registry import family
from include.formats.plain_text import markdown, markdown_table
from include.operations.drift.drift import columns_by_input
from include.operations.labelling.labelling import CANNOT_TELL, LATER, OfferedRow, Selection, choices
from include.specification.usecase import UseCase

SHADES, STEPS = "\N{NO-BREAK SPACE}░▒▓█", "▁▂▃▄▅▆▇█"


def offered(
    spec: UseCase, number: int, row: pd.Series, scores: np.ndarray, doubt: float, visible: Collection[str]
) -> OfferedRow:
    """The row as it is shown; ``visible`` are the columns that may be shown, ``scores`` () or (K,)."""
    answer = family(spec).answer(spec, scores)
    name = f"{row[spec.event.id]}" if spec.event.id in visible else f"row {number}"
    return OfferedRow(
        event=str(row[spec.event.id]), title=f"{number}. {name}", answer=answer, uncertainty=doubt,
        shown=_shown(spec, row, visible),
    )  # fmt: skip


def body(spec: UseCase, selection: Selection) -> str:
    """The whole form's text, Markdown."""
    how = f"label (one of {', '.join(map(markdown, choices(spec)))})" if choices(spec) else "label (a number)"
    parts = [
        f"Of {selection.period}, what release {selection.release} is least sure of ({selection.strategy}), "
        f"{len(selection.rows)} rows. Give each its {how} in the field of its number. `{LATER}` leaves it for another "
        f"time, `{CANNOT_TELL}` takes it out for good."
    ]
    for row in selection.rows:
        answer = f"says {markdown(row.answer)}; uncertainty {row.uncertainty:.3g}"
        parts.append(f"### {markdown(row.title)}\n\n{answer}\n\n{row.shown}")
    return "\n\n".join(parts)


def _shown(spec: UseCase, row: pd.Series, visible: Collection[str]) -> str:
    shapes = {f.tensor: f.shape for f in spec.features if f.tensor}
    pictures, cells = [], {}
    for name, columns in columns_by_input(spec).items():
        if name in shapes and all(c in visible for c in columns):
            values = row[columns].to_numpy(dtype=float).reshape(shapes[name])
            pictures.append(f"{name}:\n\n{drawn(values)}")
        elif name in visible:
            cells[name] = _cell(row[name])
    for name in spec.request:  # what came along and is no feature helps a person too
        if name in visible and name in row.index and name not in cells and name != spec.event.id:
            cells[name] = _cell(row[name])
    return "\n\n".join([*pictures, *([_table(cells)] if cells else [])])


def drawn(values: np.ndarray) -> str:
    """Numbers as Markdown: (h, w) as a picture in shades, (n,) as a curve, more axes in words.

    Every line is code of its own: Airflow's page joins the lines of a code block, and plain spaces, into one.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return "(nothing is known)"
    low, high = float(known.min()), float(known.max())
    if values.ndim == 1:
        return f"`{_signs(values, low, high, STEPS)}`\n\n{low:.4g} to {high:.4g}, {len(values)} steps"
    if values.ndim != 2:
        return f"{values.size} numbers, {low:.4g} to {high:.4g}"
    lines = ("".join(2 * sign for sign in _signs(line, low, high, SHADES)) for line in values)
    return "  \n".join(f"`|{line}|`" for line in lines)


def _signs(values: np.ndarray, low: float, high: float, signs: str) -> str:
    """One sign per value, from the lowest to the highest; ``?`` where it is missing."""
    shares = (values - low) / ((high - low) or 1.0)
    return "".join(signs[min(int(share * len(signs)), len(signs) - 1)] if isfinite(share) else "?" for share in shares)


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return markdown(text)


def _table(cells: dict[str, str]) -> str:
    return markdown_table(["column", "value"], [(markdown(name), value) for name, value in cells.items()])
