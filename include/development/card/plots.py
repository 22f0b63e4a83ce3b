"""Pictures of a model for its card, as SVG: small, sharp in print, and in the reader's own text colour.

Text and lines use ``currentColor`` in a page, so they are readable on a dark screen.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

INK = "#010203"  # replaced by currentColor; nothing else has this colour
BLUE, ORANGE, GREY = "#3b82c4", "#e07b39", "#8a8f98"
MAP = "Blues"
STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    **dict.fromkeys(["text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"], INK),
}
BARS = 12
POINTS = 1500
CELLS_WITH_TEXT = 12


def canvas(panels: int = 1, width: float = 3.6, height: float = 2.9) -> tuple[Figure, list[Any]]:
    """A figure with so many axes side by side; made without pyplot, which keeps figures for ever."""
    figure = Figure(figsize=(width * panels, height), layout="constrained")
    return figure, list(np.atleast_1d(figure.subplots(1, panels)))


def styled() -> Any:
    """The context in which figures are made."""
    return mpl.rc_context(STYLE)


def svg(figure: Figure, name: str) -> bytes:
    """The figure as SVG; the same figure gives the same bytes."""
    buffer = io.StringIO()
    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue().replace(INK, "currentColor").encode()


def learning_curve(curve: Sequence[Mapping[str, float]]) -> Figure:
    """Loss of the training and the validation part by step."""
    figure, (axes,) = canvas()
    steps = [point["step"] for point in curve]
    for part, colour in (("train", GREY), ("validation", BLUE)):
        axes.plot(steps, [point[part] for point in curve], color=colour, label=part)
    axes.set(xlabel="step", ylabel="loss")
    axes.legend()
    return figure


def roc_and_precision(y: np.ndarray, p: np.ndarray) -> Figure:
    from sklearn.metrics import precision_recall_curve, roc_curve

    figure, (left, right) = canvas(2)
    false, true, _ = roc_curve(y, p)
    left.plot(*_thinned(false, true), color=BLUE)
    left.plot([0, 1], [0, 1], color=GREY, linestyle=":")
    left.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC")
    precision, recall, _ = precision_recall_curve(y, p)
    right.plot(*_thinned(recall, precision), color=BLUE)
    right.axhline(y.mean(), color=GREY, linestyle=":")
    right.set(xlabel="recall", ylabel="precision", title="Precision and recall", ylim=(0, 1.02))
    return figure


def _thinned(x: np.ndarray, y: np.ndarray, points: int = 400) -> tuple[np.ndarray, np.ndarray]:
    kept = np.unique(np.linspace(0, len(x) - 1, points).astype(int))
    return x[kept], y[kept]


def calibration(right: np.ndarray, p: np.ndarray, bins: int = 10) -> Figure:
    """What was said (``p``) against how often it was so (``right``), in equally filled bins; and how often."""
    figure, (left, other) = canvas(2)
    edges = np.unique(np.quantile(p, np.linspace(0, 1, bins + 1)[1:-1]))
    member = np.searchsorted(edges, p, side="right")
    rows = np.bincount(member)
    filled = rows > 0
    predicted = np.bincount(member, weights=p)[filled] / rows[filled]
    so = np.bincount(member, weights=right)[filled] / rows[filled]
    low, high = min(predicted.min(), so.min()), max(predicted.max(), so.max())
    left.plot([low, high], [low, high], color=GREY, linestyle=":")
    left.errorbar(
        predicted, so, yerr=1.96 * np.sqrt(so * (1 - so) / rows[filled]), color=BLUE, marker="o", markersize=3
    )
    left.set(xlabel="predicted probability", ylabel="observed share", title="Calibration")
    other.hist(p, bins=30, color=BLUE)
    other.set(xlabel="predicted probability", ylabel="rows", title="Predictions")
    return figure


def confusion(y: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> Figure:
    """Rows by truth and answer, coloured by the share of the truth's rows."""
    counts = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(counts, (y.astype(int), predicted.astype(int)), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = max(2.9, 0.38 * len(names) + 1)
    figure, (axes,) = canvas(1, size + 0.7, size)
    axes.imshow(share, cmap=MAP, vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="actual", xticks=range(len(names)), yticks=range(len(names)))
    axes.set_xticklabels(names, rotation=45 if len(names) > 2 and max(map(len, names)) > 3 else 0)
    axes.set_yticklabels(names)
    if len(names) <= CELLS_WITH_TEXT:
        for i, j in np.ndindex(counts.shape):
            colour = "white" if share[i, j] > 0.6 else "#222222"
            axes.text(j, i, f"{counts[i, j]:,}", ha="center", va="center", color=colour, fontsize=8)
    return figure


def predicted_and_actual(y: np.ndarray, predicted: np.ndarray) -> Figure:
    figure, (left, right) = canvas(2)
    ends = [min(y.min(), predicted.min()), max(y.max(), predicted.max())]
    left.hexbin(predicted, y, gridsize=35, cmap=MAP, mincnt=1, linewidths=0)
    left.plot(ends, ends, color=ORANGE, linestyle=":")
    left.set(xlabel="predicted", ylabel="actual", title="Predicted and actual")
    right.hist(y - predicted, bins=40, color=BLUE)
    right.axvline(0, color=GREY, linestyle=":")
    right.set(xlabel="actual − predicted", ylabel="rows", title="Residuals")
    return figure


def residuals_by_time(times: np.ndarray, residuals: np.ndarray) -> Figure:
    """Median residual of each day, with the middle 80 %."""
    import pandas as pd

    daily = pd.Series(residuals, index=pd.DatetimeIndex(times)).groupby(lambda time: time.date())
    low, middle, high = (daily.quantile(q) for q in (0.1, 0.5, 0.9))
    days = pd.to_datetime(middle.index)
    figure, (axes,) = canvas(1, 7.2, 2.4)
    axes.fill_between(days, low, high, color=BLUE, alpha=0.25, linewidth=0, label="middle 80 %")
    axes.plot(days, middle, color=BLUE, label="median")
    axes.axhline(0, color=GREY, linestyle=":")
    axes.set(ylabel="actual − predicted")
    axes.legend(ncols=2)
    _dated(axes)
    return figure


def stretch_of_series(times: np.ndarray, y: np.ndarray, predicted: np.ndarray, name: str) -> Figure:
    """The end of a series and what was forecast of it."""
    figure, (axes,) = canvas(1, 7.2, 2.4)
    axes.plot(times, y, color=GREY, label="actual")
    axes.plot(times, predicted, color=BLUE, label="forecast")
    axes.set(ylabel=name)
    axes.legend(ncols=2)
    _dated(axes)
    return figure


def _dated(axes: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def clusters(space: np.ndarray, cluster: np.ndarray, count: int) -> Figure:
    """How many rows each cluster has, and the rows on the two directions in which they differ most."""
    from sklearn.decomposition import PCA

    figure, (left, right) = canvas(2)
    colours = mpl.colormaps["tab10"].colors  # type: ignore[attr-defined]
    sizes = np.bincount(cluster, minlength=count)
    left.bar(range(count), sizes, color=[colours[k % 10] for k in range(count)])
    left.set(xlabel="cluster", ylabel="rows", title="Sizes", xticks=range(count))
    drawn = slice(None, None, max(1, -(-len(space) // POINTS)))
    limited = np.clip(space[drawn], -10, 10)
    where = PCA(2, random_state=0).fit_transform(limited) if space.shape[1] > 1 else np.c_[limited, 0 * limited]
    for k in range(count):
        mine = cluster[drawn] == k
        right.scatter(*where[mine].T, s=5, color=colours[k % 10], linewidths=0, label=str(k), rasterized=True)
    right.set(xlabel="first component", ylabel="second component", title="Principal components")
    right.legend(title="cluster", markerscale=2)
    return figure


def profile(centres: np.ndarray, names: Sequence[str]) -> Figure:
    """Centres (K, d) of the clusters, in interquartile ranges from the median."""
    figure, (axes,) = canvas(1, max(3.6, 0.34 * len(names) + 1.5), 0.36 * len(centres) + 1.9)
    reach = float(np.abs(centres).max()) or 1.0
    image = axes.imshow(centres, cmap="RdBu_r", vmin=-reach, vmax=reach, aspect="auto")
    axes.set(ylabel="cluster", yticks=range(len(centres)), xticks=range(len(names)))
    axes.set_xticklabels(names, rotation=45, ha="right")
    figure.colorbar(image, ax=axes, label="from the median, in IQR")
    return figure


def bars(names: Sequence[str], values: np.ndarray, reach: np.ndarray | None, what: str) -> Figure:
    """The largest values as horizontal bars; ``reach`` (2, n) are the lower and upper ends of their intervals."""
    shown = min(BARS, len(names))
    figure, (axes,) = canvas(1, 5.4, 0.24 * shown + 0.8)
    error = None if reach is None else np.abs(reach[:, :shown] - values[:shown])
    axes.barh(range(shown), values[:shown], xerr=error, color=BLUE, error_kw={"ecolor": GREY})
    axes.set(xlabel=what, yticks=range(shown))
    axes.set_yticklabels(names[:shown])
    axes.invert_yaxis()
    return figure


def intervals(names: Sequence[str], values: np.ndarray, reach: np.ndarray, whole: float, what: str) -> Figure:
    """A metric by slice with its interval (2, n), beside that of all rows."""
    figure, (axes,) = canvas(1, 5.4, 0.26 * len(names) + 0.9)
    axes.axvline(whole, color=GREY, linestyle=":")
    axes.errorbar(values, range(len(names)), xerr=np.abs(reach - values), fmt="o", markersize=4, color=BLUE)
    axes.set(xlabel=f"{what} (dotted: all rows)", yticks=range(len(names)))
    axes.set_yticklabels(names)
    axes.invert_yaxis()
    return figure


def heat_map(values: np.ndarray, what: str) -> Figure:
    """An image of importances; of a sequence, importances by position."""
    if values.ndim == 1:
        figure, (axes,) = canvas(1, 5.4, 2.2)
        axes.bar(range(len(values)), values, color=BLUE)
        axes.set(xlabel="position", ylabel=what)
        return figure
    figure, (axes,) = canvas(1, 3.4, 2.9)
    image = axes.imshow(values.reshape(values.shape[-2:]) if values.ndim == 2 else values.mean(axis=0), cmap=MAP)
    axes.set(xticks=[], yticks=[])
    figure.colorbar(image, ax=axes, label=what)
    return figure
