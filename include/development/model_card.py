"""The model card: what a model is for, what it learned from, how good it is and where it is not, in Markdown.

Source of the sections: Mitchell et al. 2019, Model Cards for Model Reporting.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.contracts import DatasetRef
from include.usecase import Criterion, UseCase

TOP_FEATURES = 10


@dataclass(frozen=True)
class CardFacts:
    """What the card says beyond the spec and the dataset; metrics as in ``TrainingResult``."""

    artifact_hash: str
    model: Mapping[str, Any]
    parameters: Mapping[str, int | float | str]
    tuning: str
    metrics: Mapping[str, float]
    positives: Mapping[str, float]
    slices: Sequence[Mapping[str, Any]]
    importance: Sequence[Mapping[str, Any]]


def model_card(spec: UseCase, dataset: DatasetRef, facts: CardFacts) -> str:
    """The whole card."""
    sections = {
        "Intended use": _intended_use(spec),
        "Data": _data(spec, dataset, facts),
        "Training": _training(facts),
        "Metrics": _metrics(spec, facts),
        "Slices": _slices(spec, facts),
        "What moves the prediction": _importance(facts),
        "Limits": _limits(spec, facts),
        "Lineage": _lineage(dataset, facts),
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"# Model card: {spec.title}\n\n{body}\n"


def _intended_use(spec: UseCase) -> str:
    criteria = "\n".join(f"- {_criterion(c)}" for c in spec.acceptance)
    return f"{spec.description}\n\nOwner: {spec.owner}. Agreed before development:\n\n{criteria}"


def _criterion(criterion: Criterion) -> str:
    side, limit = ("at least", criterion.at_least) if criterion.at_most is None else ("at most", criterion.at_most)
    bound = "" if criterion.bound == "value" else f" ({criterion.bound} confidence bound)"
    return f"{criterion.metric} {side} {limit}{bound}"


def _data(spec: UseCase, dataset: DatasetRef, facts: CardFacts) -> str:
    rows = [
        [name, part.rows, f"{facts.positives[name]:.1%}", f"{part.periods[0]} … {part.periods[-1]}"]
        for name, part in (("train", dataset.train), ("validation", dataset.validation), ("test", dataset.test))
    ]
    split = f"Split by time; the validation part is {spec.split.validation_days} days. "
    frozen = f"Frozen test sets kept out of training: {len(dataset.excluded_hashes)}."
    return f"{_table(['part', 'rows', f'{dataset.label} = 1', 'periods'], rows)}\n\n{split}{frozen}"


def _training(facts: CardFacts) -> str:
    parameters = ", ".join(
        f"{k} = {v:g}" if isinstance(v, float) else f"{k} = {v}" for k, v in facts.parameters.items()
    )
    size = f"{facts.model['algorithm']}, " + ", ".join(f"{v} {k}" for k, v in facts.model.items() if k != "algorithm")
    return f"{size}.\n\nParameters: {parameters}.\n\n{facts.tuning}"


def _metrics(spec: UseCase, facts: CardFacts) -> str:
    figures = facts.metrics
    names = dict.fromkeys([spec.metrics.primary, *spec.metrics.secondary])
    columns = ("validation_{}", "test_{}", "baseline_test_{}")
    rows = [[name, *(f"{figures[column.format(name)]:.4f}" for column in columns)] for name in names]
    table = _table(["metric", "validation", "test", "baseline on test"], rows)
    return f"{table}\n\nThe baseline predicts the share of positives in the training part for everybody."


def _slices(spec: UseCase, facts: CardFacts) -> str:
    if not facts.slices:
        return "The spec names no slices."
    rows = [
        [f"{s['column']} = {s['value']}", s["n"], s["positives"], _figure(s["metrics"][spec.metrics.primary])]
        for s in facts.slices
    ]
    return _table(["slice of the test set", "n", "positives", spec.metrics.primary], rows)


def _importance(facts: CardFacts) -> str:
    rows = [[r["feature"], f"{r['importance']:.4f}", f"{r['share']:.1%}"] for r in facts.importance[:TOP_FEATURES]]
    return _table(["feature", "mean absolute SHAP value (log-odds)", "share"], rows)


def _limits(spec: UseCase, facts: CardFacts) -> str:
    small = [f"{s['column']} = {s['value']} ({s['n']} rows)" for s in facts.slices if not s["enough_rows"]]
    limits = [
        "The figures hold for the periods above; monitoring says whether they still do.",
        f"Labels are complete {spec.event.label_delay_hours:g} hours after the event; events without one are left out.",
        "SHAP values say what the model uses, not what causes the outcome.",
        "A category that the training part did not have counts as unknown.",
    ]
    if small:
        limits.append(f"Too few rows to judge: {', '.join(small)}.")
    return "\n".join(f"- {limit}" for limit in limits)


def _lineage(dataset: DatasetRef, facts: CardFacts) -> str:
    snapshots = [[period, f"`{name}`"] for period, name in sorted(dataset.snapshots.items())]
    hashes = [["model", f"`{facts.artifact_hash}`"]]
    hashes += [[p, f"`{getattr(dataset, p).content_hash}`"] for p in ("train", "validation", "test")]
    head = f"Dataset `{dataset.name}`, feature service `{dataset.feature_service}`."
    return f"{head}\n\n{_table(['period', 'snapshot'], snapshots)}\n\n{_table(['what', 'SHA-256'], hashes)}"


def _figure(value: float | None) -> str:
    return "one class only" if value is None else f"{value:.4f}"


def _table(head: Iterable[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(list(head)), *rows]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', '/') for cell in line)} |" for line in lines)
