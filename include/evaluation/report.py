"""A verdict as Markdown: for the required action, the model card and the Moebius page."""

from collections.abc import Sequence

from include.contracts.evaluation import Cell, GateOutcome, Interval, Verdict
from include.evaluation.verdict import shown
from include.formats.plain_text import markdown, markdown_table

WORDS = {
    "promote": "release it",
    "canary": "release it step by step",
    "ask_human": "a person decides",
    "keep_champion": "the champion stays",
    "data_problem": "the test data cannot be used",
}


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
        f"Gate self-test: {verdict.self_test}.",
    ]
    if verdict.windows:
        rows = {c.test_set: c.figure.n for c in verdict.cells}
        sets = [f"{name} {window}, {rows[name]} rows" for name, window in verdict.windows.items() if name in rows]
        facts.append(f"Test sets: {'; '.join(sets)}.")
    if verdict.members:
        facts.append(
            f"Model {verdict.candidate} is the average of the models {' and '.join(map(str, verdict.members))}."
        )
    return "\n".join(f"- {fact}" for fact in facts)


def _gates(gates: Sequence[GateOutcome]) -> str:
    rows = [(markdown(g.gate), "yes" if g.passed else "**no**", markdown(g.detail)) for g in gates]
    return markdown_table(("gate", "passed", "figures"), rows)


def _cells(cells: Sequence[Cell]) -> str:
    """One row per metric; a column per cell, as in the definition of the four comparisons."""
    names = sorted({c.name for c in cells})
    titles = {c.name: f"{c.name}: {c.model} on {c.test_set} ({c.figure.n} rows)" for c in cells}
    figures = {(c.metric, c.name): shown(c.figure) for c in cells}
    rows = [(m, *(figures[m, name] for name in names)) for m in dict.fromkeys(c.metric for c in cells)]
    return markdown_table(("metric", *(titles[name] for name in names)), rows)


def _differences(differences: dict[str, Interval]) -> str:
    head = ("difference (positive is better)", "value", "rows")
    return markdown_table(head, [(name, shown(figure, "+"), figure.n) for name, figure in differences.items()])


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
