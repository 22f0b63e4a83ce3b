"""The model card in Markdown: intended use, data, training, performance, explanation, limits.

Source of the sections: Mitchell et al. 2019, Model Cards for Model Reporting.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from include.contracts.development import DatasetRef
from include.contracts.evaluation import GateOutcome, Interval
from include.contracts.guard import Guarded
from include.contracts.period import Period
from include.development.card import refits
from include.development.card.facts import MEANING, Evidence, Facts, Refit, tests_passed
from include.evaluation.wording import drawn, shown
from include.families.registry import family
from include.formats.plain_text import markdown, markdown_table
from include.specification.learning import Criterion
from include.specification.usecase import UseCase

TOP_FEATURES = 10
PERFORMANCE = ("roc", "calibration", "confusion", "predicted", "residuals", "series", "clusters", "profile")


def card_text(spec: UseCase, dataset: DatasetRef, facts: Facts, evidence: Evidence) -> str:
    """The whole card, with an empty place for the verdict at its end (see ``card_page.with_verdict``)."""
    seen = ", in-sample" if facts.refit else ""
    sections = {
        "Intended use": _intended_use(spec),
        "Data": _data(spec, dataset, evidence),
        "Training": _training(facts, evidence),
        "Performance": _metrics(spec, dataset, facts, evidence),
        f"Slices{seen}": refits.marked(facts.refit, _slices(spec, evidence)),
        f"Groups{seen}": refits.marked(facts.refit, _groups(spec, evidence)),
        "Behaviour tests": _behaviour(spec, facts),
        "Explanation": _explanation(spec, evidence),
        "Limits": _limits(spec, facts, evidence),
        "Cost": _cost(facts),
        "Lineage": _lineage(dataset, facts),
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"# Model card: {spec.title}\n\n{_summary(spec, dataset, facts, evidence)}\n\n{body}\n"


def _summary(spec: UseCase, dataset: DatasetRef, facts: Facts, evidence: Evidence) -> str:
    if facts.refit:
        return refits.summary(spec, dataset, facts.refit, facts.behaviour, str(evidence.model["algorithm"]))
    primary, periods = spec.metrics.primary, _span(dataset.test.periods)
    good = _with_interval(evidence.whole.intervals.get(primary), facts.metrics.get(f"test_{primary}"))
    made = f"trained on {dataset.train.rows:,} rows of {_span(dataset.train.periods)}"
    if base := facts.recalibrated:
        made = (
            f"version {base.version} (`{base.artifact_hash[:12]}`) as it is, recalibrated on "
            f"{dataset.validation.rows:,} rows of {_span(dataset.validation.periods)}"
        )
    beaten = facts.metrics.get(f"baseline_test_{primary}")
    against = "" if beaten is None else f"; the {spec.trainer.baseline.kind} baseline reaches {beaten:.4f}"
    return (
        f"{spec.description} This model is *{evidence.model['algorithm']}*, {made}. On {dataset.test.rows:,} rows of "
        f"{periods} that were not used for training, "
        f"its {primary} is **{good}**{against}{tests_passed(facts.behaviour)}."
    )


def _intended_use(spec: UseCase) -> str:
    criteria = "\n".join(f"- {_criterion(c)}" for c in spec.acceptance)
    asked = [spec.card.intended_use or spec.description, f"Owner: {spec.owner}."]
    if spec.card.not_for:
        asked.append("Not for:\n\n" + "\n".join(f"- {use}" for use in spec.card.not_for))
    if spec.card.ethics:
        asked.append(f"Ethical considerations: {spec.card.ethics}")
    return "\n\n".join([*asked, f"Acceptance criteria, set before development, on the test set:\n\n{criteria}"])


def _criterion(criterion: Criterion) -> str:
    side, limit = ("at least", criterion.at_least) if criterion.at_most is None else ("at most", criterion.at_most)
    bound = "" if criterion.bound == "value" else f" ({criterion.bound} confidence bound)"
    return f"{criterion.metric} {side} {limit}{bound}"


def _data(spec: UseCase, dataset: DatasetRef, evidence: Evidence) -> str:
    parts = (("train", dataset.train), ("validation", dataset.validation), ("test", dataset.test))
    rows = [
        [name, f"{part.rows:,}", markdown(evidence.labels.get(name, "")), _span(part.periods)] for name, part in parts
    ]
    head = ["part", "rows", family(spec).summary_title.format(label=dataset.label), "periods"]
    features = [[f.name, f.kind, f.origin, _meaning(spec, f)] for f in _features(spec)]
    return "\n\n".join(
        [
            markdown_table(head, rows),
            f"{_split(spec)} {_kept_out(dataset)}",
            _guard(spec, dataset.facts.guard),
            "The data sheets describe the origin of the data, the tables, the checks and known faults: "
            f"*Moebius → Catalog*, or `catalog/{spec.name}/<table>.html` below the state root.",
            markdown_table(["feature", "kind", "from", "meaning"], features),
        ]
    )


def _kept_out(dataset: DatasetRef) -> str:
    if dataset.refit_of:
        return (
            "The training part has every labelled row of the window, also those of the other two parts and of the test "
            f"sets that dataset `{dataset.refit_of}` of the proof excluded ({len(dataset.frozen)})."
        )
    return f"Frozen test sets of earlier releases that were excluded: {len(dataset.excluded_hashes)}."


def _guard(spec: UseCase, guard: Guarded) -> str:
    """Which periods the input guard left out, or a person accepted."""
    if not spec.guarded:
        return "The input guard is off (`guard.enabled`)."
    if not guard.left_out and not guard.accepted:
        return "The input guard found no fault in the periods of this dataset."
    rows = [[period, "left out", markdown("; ".join(said))] for period, said in guard.left_out.items()]
    rows += [[period, "kept", markdown("; ".join(said))] for period, said in guard.accepted.items()]
    return "The input guard found faults:\n\n" + markdown_table(["period", "what became of it", "why"], rows)


def _features(spec: UseCase) -> list[Any]:
    """One per feature as people know it: a tensor once."""
    known = {f.tensor or f.name: f for f in reversed(spec.features)}
    return [one.model_copy(update={"name": name}) for name, one in reversed(known.items())]


def _meaning(spec: UseCase, feature: Any) -> str:
    """Of the feature, or of the published column of its name."""
    columns = (table.columns.get(feature.name) for table in spec.tables.values())
    return feature.description or next((meaning for meaning in columns if meaning), "see the catalog")


def _split(spec: UseCase) -> str:
    if spec.split.by == "time":
        test = spec.split.test or f"newest {spec.calendar.every}"
        return (
            f"Split by time: the last {test} are the test part, the {spec.split.validation} before the validation part."
        )
    how = f"whole groups of equal {spec.split.group}" if spec.split.by == "group" else "equal shares of every class"
    return f"Split by {how}: {spec.split.test_share:.0%} test part, {spec.split.validation_share:.0%} validation part."


def _training(facts: Facts, evidence: Evidence) -> str:
    parameters = ", ".join(f"{name} = {_short(value)}" for name, value in facts.parameters.items())
    figures = ", ".join(f"{name} {_short(value)}" for name, value in evidence.model.items() if name != "algorithm")
    paragraphs = [f"{evidence.model['algorithm']}: {figures}.", f"Parameters: {parameters}.", facts.tuning]
    return "\n\n".join([text for text in paragraphs if text] + _pictures(evidence, "learning_curve"))


def _metrics(spec: UseCase, dataset: DatasetRef, facts: Facts, evidence: Evidence) -> str:
    if facts.refit:
        return _metrics_of_refit(spec, dataset, facts.refit, facts, evidence)
    rows = [
        [
            name,
            _figure(facts.metrics.get(f"validation_{name}")),
            _with_interval(evidence.whole.intervals.get(name), facts.metrics.get(f"test_{name}")),
            _figure(facts.metrics.get(f"baseline_test_{name}")),
            MEANING[name],
        ]
        for name in spec.metrics.names
    ]
    level = f"{spec.comparison.confidence:.0%}"
    head = ["metric", "validation", f"test ({level} interval)", "baseline on test", "meaning"]
    paragraphs = [markdown_table(head, rows)]
    paragraphs += [f"{name} has no interval: {why}." for name, why in evidence.whole.undefined.items()]
    paragraphs.append(f"{_drawn(spec, dataset, evidence, evidence.whole.intervals)} {facts.baseline}".strip())
    if evidence.calibration is not None:
        paragraphs.append(
            f"Calibration: predicted and observed shares differ by {evidence.calibration:.3f} on average (0 is best). "
            f"The model's {evidence.calibrated}."
        )
    return "\n\n".join(paragraphs + _pictures(evidence, *PERFORMANCE))


def _metrics_of_refit(spec: UseCase, dataset: DatasetRef, refit: Refit, facts: Facts, evidence: Evidence) -> str:
    """The proof's figures, and those of the refit, named in-sample; the intervals are the proof's."""
    paragraphs = [refits.figures(spec, refit, facts.metrics), _drawn(spec, dataset, evidence, refit.intervals)]
    paragraphs.append(f"In-sample, too: {facts.baseline}".strip())
    if evidence.calibration is not None:
        paragraphs.append(
            f"Calibration in-sample: predicted and observed shares differ by {evidence.calibration:.3f} on average. "
            f"As the proof, it has {evidence.calibrated}."
        )
    return "\n\n".join(paragraphs + _pictures(evidence, *PERFORMANCE))


def _drawn(spec: UseCase, dataset: DatasetRef, evidence: Evidence, intervals: Mapping[str, Interval]) -> str:
    primary = spec.metrics.primary
    return drawn(dataset.test.rows, evidence.blocks, primary, intervals.get(primary))


def _slices(spec: UseCase, evidence: Evidence) -> str:
    if not evidence.slices:
        return "The spec names no slices."
    primary = spec.metrics.primary
    rows = [[markdown(f"{s['column']} = {s['value']}"), f"{s['n']:,}", _of_slice(s, primary)] for s in evidence.slices]
    return "\n\n".join(
        [markdown_table(["slice of the test set", "rows", primary], rows), *_pictures(evidence, "slices")]
    )


def _of_slice(entry: Mapping[str, Any], metric: str) -> str:
    value, reach = entry["metrics"][metric], entry["intervals"][metric]
    if value is None:
        return f"undefined: {entry['undefined'][metric]}"
    if not entry["enough_rows"]:
        return f"{value:.4f} (too few rows or blocks to judge)"
    return f"{value:.4f}" + ("" if reach is None else f" [{reach[0]:.4f}, {reach[1]:.4f}]")


def _groups(spec: UseCase, evidence: Evidence) -> str:
    if not evidence.groups:
        return "The spec names no groups."
    paragraphs = []
    for one in evidence.groups:
        figures = list(dict.fromkeys(name for group in one.groups.values() for name in group))
        rows = [[markdown(name), *(_figure(group.get(f)) for f in figures)] for name, group in one.groups.items()]
        paragraphs.append(markdown_table([one.column, *("rows" if f == "n" else f for f in figures)], rows))
        paragraphs += [f"{measure}: gap {shown(gap)}." for measure, gap in one.gaps.items()]
    limits = [f"- {_passed(o)} {markdown(f'{o.gate}: {o.detail}')}" for o in evidence.fairness]
    return "\n\n".join([*paragraphs, *(["Limits of the spec:\n\n" + "\n".join(limits)] if limits else [])])


def _behaviour(spec: UseCase, facts: Facts) -> str:
    if not facts.behaviour:
        return "No tests were run."
    rows = [[markdown(o.gate), _passed(o), markdown(o.detail)] for o in facts.behaviour]
    return markdown_table(["test", "outcome", "figures"], rows)


def _explanation(spec: UseCase, evidence: Evidence) -> str:
    largest = evidence.moved.table()[:TOP_FEATURES]
    rows = [[r["feature"], f"{r['importance']:.4f}", f"{r['share']:.1%}"] for r in largest]
    paragraphs = [
        f"Mean effect of each feature on an answer ({evidence.moved.method}; {evidence.moved.unit}):",
        markdown_table(["feature", "mean absolute SHAP value", "share"], rows),
        *_pictures(evidence, "importance", *(name for name in evidence.plots if name.startswith("heat_map"))),
        _permutation(evidence.permutation),
        *_pictures(evidence, "permutation"),
        f"Rules of a surrogate tree of depth 3 ({evidence.tree.measure} {evidence.tree.fidelity:.2f} on rows "
        "that the tree was not fitted on):",
        "\n".join(f"- {markdown(rule)}" for rule in evidence.tree.rules),
        "Linear models around single rows of the test set. The effect of a number is the effect of one standard "
        "deviation more; otherwise it is the effect of this value instead of the value of another row:",
        markdown_table(["row", "answer", "largest effects", "fidelity (R²)"], [_local(one) for one in evidence.local]),
    ]
    return "\n\n".join(paragraphs)


def _permutation(shuffled: Mapping[str, Any]) -> str:
    if "undefined" in shuffled:
        return f"Permutation importance is undefined here: {shuffled['undefined']}."
    loss = shuffled["metric"] if shuffled["metric"].startswith("share") else f"loss of {shuffled['metric']}"
    rows = [[r["feature"], f"{r['loss']:.4f} [{r['low']:.4f}, {r['high']:.4f}]"] for r in shuffled["features"]]
    head = f"Loss when a feature is shuffled in {shuffled['rows']:,} rows ({shuffled['repeats']} times, 95 % interval):"
    return f"{head}\n\n{markdown_table(['feature', loss], rows[:TOP_FEATURES])}"


def _local(one: Mapping[str, Any]) -> list[str]:
    moved = "; ".join(f"{e['feature']} = {e['value']} ({e['effect']:+.3g})" for e in one["effects"])
    answer = f"{one['answer']:.4g}, {one['said']}"
    return [one["which"], markdown(answer), markdown(moved), f"{one['fidelity']:.2f}"]


def _limits(spec: UseCase, facts: Facts, evidence: Evidence) -> str:
    limits = ["The figures describe the periods above; monitoring shows whether they still apply."]
    if facts.refit:
        limits.append("No row is left that this model has not learned from: only monitoring measures it out of sample.")
    if spec.event.label:
        limits.append(f"Labels are complete {spec.event.label_delay} after the event; events without one are left out.")
    limits.append("SHAP values and rules show what the model uses, not what causes the outcome.")
    if any(f.kind == "categorical" for f in spec.features):
        limits.append("A category that does not occur in the training part counts as unknown.")
    if small := [f"{s['column']} = {s['value']} ({s['n']} rows)" for s in evidence.slices if not s["enough_rows"]]:
        limits.append(f"Too few rows, or rows of too few blocks, to judge: {markdown(', '.join(small))}.")
    limits += [
        f"Groups of {group.column} too small to judge: {markdown(', '.join(group.unjudged))}."
        for group in evidence.groups
        if group.unjudged
    ]
    return "\n".join(f"- {limit}" for limit in limits)


def _cost(facts: Facts) -> str:
    if not facts.cost:
        return "Not measured."
    return markdown_table(["what", "amount"], [_amount(name, value) for name, value in facts.cost.items()])


def _amount(name: str, value: float) -> list[str]:
    words = name.replace("_", " ")
    for unit, amount in (("seconds", f"{value:,.1f} s"), ("bytes", f"{value / 2**20:,.1f} MiB")):
        if words.endswith(unit):
            return [words.removesuffix(unit).strip() or unit, amount]
    return [words, _short(value)]


def _lineage(dataset: DatasetRef, facts: Facts) -> str:
    snapshots = [[period, f"`{name}`"] for period, name in sorted(dataset.snapshots.items())]
    hashes = [["model", f"`{facts.artifact_hash}`"]]
    if facts.refit:
        hashes.append([f"proof, version {facts.refit.version}", f"`{facts.refit.artifact_hash}`"])
    if base := facts.recalibrated:
        hashes.append([f"recalibrated from version {base.version}", f"`{base.artifact_hash}`"])
    hashes += [[p, f"`{getattr(dataset, p).content_hash}`"] for p in ("train", "validation", "test")]
    revision = f", code revision `{facts.revision}`" if facts.revision else ""
    head = f"Dataset `{dataset.name}`, feature service `{dataset.feature_service}`{revision}."
    tables = [markdown_table(["period", "snapshot"], snapshots), markdown_table(["what", "SHA-256"], hashes)]
    return "\n\n".join([head, *tables])


def _pictures(evidence: Evidence, *names: str) -> list[str]:
    return [f"![{evidence.plots[name]}](plots/{name}.svg)" for name in names if name in evidence.plots]


def _passed(outcome: GateOutcome) -> str:
    return "passed" if outcome.passed else "**failed**"


def _span(periods: Sequence[Period]) -> str:
    return periods[0] if len(periods) == 1 else f"{periods[0]} … {periods[-1]}"


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _figure(value: float | None) -> str:
    if value is None:
        return "undefined"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def _with_interval(figure: Interval | None, value: float | None) -> str:
    return shown(figure) if figure is not None else _figure(value)
