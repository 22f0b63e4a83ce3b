"""A verdict as Markdown: for the required action, the model card and the Moebius page."""

from collections.abc import Sequence

from include.contracts.evaluation import Cell, GateOutcome, Interval, Sample, Verdict
from include.evaluation import spread
from include.evaluation.wording import added_up, percent, shown, worth
from include.formats.plain_text import markdown, markdown_table

WORDS = {
    "promote": "release it",
    "canary": "release it step by step",
    "ask_human": "a person decides",
    "keep_champion": "the champion stays",
    "data_problem": "the test data cannot be used",
}
_PASSED = {"passed": "yes", "refused": "**no**", "not judged": "not judged"}


def render(verdict: Verdict) -> str:
    """The verdict: decision and reason first, then the gates, the four cells and the differences."""
    parts = [
        f"# {verdict.usecase}, model {verdict.candidate}: {WORDS[verdict.decision]} (`{verdict.decision}`)",
        markdown(verdict.reason),
        _facts(verdict),
        _gates(verdict.gates),
        _cells(verdict.cells),
        _differences(verdict.differences),
        _other(verdict),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _facts(verdict: Verdict) -> str:
    champion = "none" if verdict.champion is None else f"model {verdict.champion}, release {verdict.champion_release}"
    facts = [
        f"Decided by **{verdict.rule}** at {verdict.decided_at.isoformat()}.",
        f"Champion: {champion}.",
        *_two_models(verdict),
        *map(markdown, figures_in_words(verdict)),
        f"Gate self-test: {verdict.self_test}.",
    ]
    if verdict.members:
        facts.append(
            f"Model {verdict.candidate} is the average of the models {' and '.join(map(str, verdict.members))}."
        )
    return "\n".join(f"- {fact}" for fact in facts)


def _two_models(verdict: Verdict) -> list[str]:
    """Which model answers the old test set, where it is not the one that serves, and how worn that set is."""
    if not verdict.old_set:
        return []
    proof, judged = verdict.champion_proof, verdict.old_set_judged
    others = f"{judged} other candidate{'' if judged == 1 else 's'}"
    served = f"; model {proof}, whose refit serves, answers it" if proof is not None else ""
    return [f"The old test set is that of dataset {verdict.old_set}, which has judged {others} before{served}."]


def figures_in_words(verdict: Verdict) -> list[str]:
    """What the verdict rests on, a sentence each, as plain text; those of earlier versions have fewer."""
    sentences = [_probability(verdict), _net_value(verdict), *_test_sets(verdict)]
    if words := spread.in_words(verdict.gain_by_part):
        sentences.append(f"Gain by part of the new test set: {words}.")
    if useless := verdict.useless_releases:
        words = f"at most {useless.a_year:g} a year are expected: {useless.arithmetic}"
        sentences.append(f"Releases that gain nothing in truth: {words}.")
    return [sentence for sentence in sentences if sentence]


def _probability(verdict: Verdict) -> str:
    if verdict.probability_needed is None:
        return ""
    needed = f"{percent(verdict.probability_needed)} is needed"
    if verdict.probability is None:
        return f"Probability that the candidate is better: cannot be judged on so few rows; {needed}."
    return f"Probability that the candidate is better: {percent(verdict.probability)}; {needed}."


def _net_value(verdict: Verdict) -> str:
    return f"Net value of a release: {added_up(verdict.net_value)}." if verdict.net_value else ""


def _test_sets(verdict: Verdict) -> list[str]:
    rows = {cell.test_set: f"{cell.figure.n:,} rows" for cell in verdict.cells}
    words = rows | {name: _worth(verdict, name, sample) for name, sample in verdict.samples.items()}
    windows = verdict.windows.items()
    return [f"{name.capitalize()} test set, {window}: {words[name]}." for name, window in windows if name in words]


def _worth(verdict: Verdict, test_set: str, sample: Sample) -> str:
    """With a champion the sample is of the paired difference of both models, else of the metric of one."""
    metric, own, difference = _gained_in(verdict), *(("B", "B-A") if test_set == "old" else ("D", "D-C"))
    cells = {
        str(cell.name): cell.figure for cell in verdict.cells if (cell.test_set, cell.metric) == (test_set, metric)
    }
    if len(cells) < 2:
        return worth(sample, f"the {metric} of {own}", {})
    return worth(sample, f"the difference {difference} in {metric}", {f"the {metric} of {own} alone": cells[own]})


def _gained_in(verdict: Verdict) -> str:
    """The metric of the gain: what its gate held, else the first, which is the primary one."""
    held = (gate.held.name for gate in verdict.gates if gate.gate in ("gain", "recalibration") and gate.held)
    return next(held, verdict.cells[0].metric).removeprefix("gain in ")


def _gates(gates: Sequence[GateOutcome]) -> str:
    rows = [(markdown(g.gate), _PASSED[result(g)], markdown(g.detail)) for g in gates]
    return markdown_table(("gate", "passed", "figures"), rows)


def result(gate: GateOutcome) -> str:
    """``passed``, ``refused`` or ``not judged``."""
    if not gate.judged:
        return "not judged"
    return "passed" if gate.passed else "refused"


def _cells(cells: Sequence[Cell]) -> str:
    """One row per metric; a column per cell, as in the definition of the four comparisons."""
    names = sorted({c.name for c in cells})
    titles = {c.name: f"{c.name}: {c.model} on {c.test_set} ({c.figure.n:,} rows)" for c in cells}
    figures = {(c.metric, c.name): shown(c.figure) for c in cells}
    rows = [(m, *(figures[m, name] for name in names)) for m in dict.fromkeys(c.metric for c in cells)]
    return markdown_table(("metric", *(titles[name] for name in names)), rows)


def _differences(differences: dict[str, Interval]) -> str:
    head = ("difference (positive is better)", "value", "rows", "effective rows of the difference")
    rows = [(name, shown(f, "+"), f"{f.n:,}", f"{f.effective_n or f.n:,}") for name, f in differences.items()]
    return markdown_table(head, rows)


def _other(verdict: Verdict) -> str:
    if verdict.other is None:
        return ""
    called = {"ensemble": "average of champion and candidate", "candidate": "candidate alone"}[verdict.other.who]
    parts = [
        f"## The {called}, not chosen: {WORDS[verdict.other.decision]} by {verdict.other.rule}",
        _gates(verdict.other.gates),
        _cells(verdict.other.cells),
    ]
    return "\n\n".join(parts)
