"""What the card of a refit says: the figures out of sample are its proof's, its own are in-sample."""

from collections.abc import Mapping, Sequence

from include.contracts.development import DatasetRef
from include.contracts.evaluation import GateOutcome
from include.contracts.period import periods_text
from include.development.card.facts import MEANING, Refit, tests_passed
from include.evaluation.wording import shown
from include.formats.plain_text import markdown_table
from include.specification.usecase import UseCase

IN_SAMPLE = "in_sample_"
"""Begins the names of figures and documents that describe rows which the model has learned from."""
SEEN = "In-sample: this model has learned from the rows that these figures describe. They are shown, never judged."


def summary(spec: UseCase, dataset: DatasetRef, refit: Refit, behaviour: Sequence[GateOutcome], algorithm: str) -> str:
    """The first paragraph of the card."""
    primary = spec.metrics.primary
    return (
        f"{spec.description} This model is *{algorithm}*, the refit of its proof, version {refit.version} "
        f"(`{refit.artifact_hash[:12]}`): the same recipe, fitted once more on {dataset.train.rows:,} rows of "
        f"{periods_text(dataset.train.periods)}. {_additional(dataset, refit)} On {dataset.test.rows:,} rows of "
        f"{periods_text(dataset.test.periods)} that the proof was not trained on, the {primary} of the proof is "
        f"**{_judged(refit, primary)}**; the answers of both differ there by {refit.difference} on "
        f"average{tests_passed(behaviour)}."
    )


def _additional(dataset: DatasetRef, refit: Refit) -> str:
    rows, periods = dataset.train.rows - refit.learned.rows, sorted({*dataset.train.periods} - {*refit.learned.periods})
    of = f", among them all of {periods_text(periods)}" if periods else ""
    return f"Learned in addition: {rows:,} rows{of}."


def figures(spec: UseCase, refit: Refit, metrics: Mapping[str, float]) -> str:
    """Validation and test of the proof, out of sample, beside those of the refit."""
    rows = [
        [
            name,
            f"{refit.metrics[f'validation_{name}']:.4f}",
            _judged(refit, name),
            f"{metrics[f'validation_{name}']:.4f}",
            f"{metrics[f'test_{name}']:.4f}",
            MEANING[name],
        ]
        for name in spec.metrics.names
    ]
    proof, level = f"proof (version {refit.version})", f"{spec.comparison.confidence:.0%}"
    head = [
        "metric", f"{proof}, validation", f"{proof}, test ({level} interval)", "in-sample validation", "in-sample test",
        "meaning",
    ]  # fmt: skip
    return f"{markdown_table(head, rows)}\n\n{SEEN}"


def marked(refit: Refit | None, text: str) -> str:
    """The text of a section of figures, which says of a refit that they are in-sample."""
    return f"{SEEN}\n\n{text}" if refit else text


def prefix(refit: Refit | None) -> str:
    """What the names of measured figures begin with."""
    return IN_SAMPLE if refit else ""


def _judged(refit: Refit, metric: str) -> str:
    interval = refit.intervals.get(metric)
    return shown(interval) if interval else f"{refit.metrics[f'test_{metric}']:.4f}"
