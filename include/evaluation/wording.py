"""Figures of a verdict in words that an operator understands."""

from collections.abc import Mapping

from include.contracts.evaluation import Interval, NetValue, Sample
from include.evaluation.blocks import Blocks

PARTS: Mapping[str, str] = {"forgetting": "what is forgotten", "release": "cost of a release"}


def shown(figure: Interval, sign: str = "") -> str:
    """``0.7420 [0.7350, 0.7490]``; with sign "+" both signs are written."""
    return f"{figure.value:{sign}.4f} [{figure.low:{sign}.4f}, {figure.high:{sign}.4f}]"


def percent(probability: float) -> str:
    """``89.9 %``, rounded down: what is shown as 90 % is at least that."""
    if probability > 0.999:
        return "more than 99.9 %"
    if probability < 0.001:
        return "less than 0.1 %"
    return f"{int(probability * 1000 + 1e-9) / 10:g} %"


def in_blocks(count: int, unit: str) -> str:
    """``31 days``; ``40 blocks of one carrier``."""
    plural = "s" if count != 1 else ""
    return f"{count:,} {unit}{plural}" if unit in ("day", "hour") else f"{count:,} block{plural} of one {unit}"


def rows_in(figure: Interval, blocks: Blocks) -> str:
    """``26,000 rows in 31 days``."""
    rows = f"{figure.n:,} rows"
    return rows if blocks.unit == "row" else f"{rows} in {in_blocks(blocks.count, blocks.unit)}"


def worth(sample: Sample, what: str, others: Mapping[str, Interval]) -> str:
    """What the rows of a test set are worth for ``what`` the sample is of, and for ``others`` by name, and why.

    What makes a day hard for one model makes it hard for the other too: in their difference it cancels, so that the
    same rows are worth more there.
    """
    if sample.unit == "row":
        return f"{sample.rows:,} rows, each counted as independent of the others"
    rows = f"{sample.rows:,} rows in {in_blocks(sample.blocks, sample.unit)}"
    sizes = {what: sample.effective_n, **{name: one.effective_n or one.n for name, one in others.items()}}
    if min(sizes.values()) >= sample.rows:
        return f"{rows}, which say as much as that many independent rows"
    words = ", ".join(f"as much as {size:,} independent rows for {name}" for name, size in sizes.items())
    return f"{rows}; because rows of one {sample.unit} resemble each other, they say {words}"


def drawn(rows: int, blocks: Blocks, metric: str, figure: Interval | None) -> str:
    """How the intervals of one model on ``rows`` are made, and what the rows are worth for the ``metric``."""
    if blocks.unit == "row":
        return f"Intervals: bootstrap of the {rows:,} test rows, each counted as independent of the others."
    if blocks.count == 1:
        return f"No intervals: the {rows:,} test rows are of one {blocks.unit}, which shows no scatter."
    worth = figure.effective_n if figure else None
    return (
        f"Intervals: bootstrap of the {rows:,} test rows by whole blocks ({in_blocks(blocks.count, blocks.unit)}), "
        f"because rows of one {blocks.unit} resemble each other"
        f"{f': for {metric} they say as much as {worth:,} independent rows' if worth and worth < rows else ''}. "
        "A verdict draws in the same way, but anew: its bounds may differ in the third decimal."
    )


def added_up(value: NetValue) -> str:
    """``+0.0351 in roc_auc: gain +0.0523, what is forgotten -0.0072, cost of a release -0.0100``."""
    names = {name: PARTS.get(name, name) for name in value.parts}
    parts = ", ".join(f"{names[name]} {part:+.4f}" for name, part in value.parts.items() if part)
    nothing = [names[name] for name, part in value.parts.items() if not part]
    more = f", nothing for {' and '.join(nothing)}" if nothing else ""
    return f"{value.total:+.4f} in {value.metric}: {parts or 'no gain'}{more}"
