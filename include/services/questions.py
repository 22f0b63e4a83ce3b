"""What a person is asked who may approve a release."""

from collections.abc import Sequence

from include.contracts.approval import ApprovalEntry, Evidence
from include.contracts.evaluation import Interval, Verdict
from include.evaluation import margins
from include.evaluation.report import render
from include.formats.plain_text import markdown
from include.governance import approval, evidence, stages
from include.services.approvals import verdict_of
from include.specification.usecase import UseCase

PAGE = "moebius/verdicts/{usecase}/{version}"
"""Relative to the address of Airflow, which every page of its UI names as its base.

Airflow's Markdown takes images of that host, 300 pixels wide, and drops those whose content stands in the text.
"""


def body(spec: UseCase, history: approval.History, judged: ApprovalEntry, answering: Sequence[str]) -> str:
    """The verdict as a picture and in words, its evidence, who has answered, who must, until when, as Markdown."""
    verdict = verdict_of(judged)
    lines = [
        *_pictured(spec, verdict, judged),
        render(verdict),
        f"Verdict `{judged.verdict[:12]}` on version {judged.version}.",
    ]
    if judged.evidence:
        lines.append(evidence.table(Evidence.model_validate(judged.facts["evidence"])))
    lines.append(f"Wanted: {stages.asked_of(spec, history, judged)}.")
    lines += [_given(entry) for entry in stages.given(history, judged)]
    if starters := approval.barred(history, judged):
        lines.append(f"Somebody else than **{', '.join(starters)}** must answer, who started it.")
    if not answering:
        lines.append("No other login is known here: add one to `MOEBIUS_AIRFLOW_USERS`.")
    ends = stages.expires_at(spec, judged)
    lines.append(f"Without an answer the question ends on {ends:%Y-%m-%d %H:%M} UTC, and the champion stays.")
    return "\n\n".join([*lines, "Your reason is recorded with your answer."])


def _pictured(spec: UseCase, verdict: Verdict, judged: ApprovalEntry) -> list[str]:
    """The picture of the four comparisons, when there are any, and the page of the verdict."""
    page, of = PAGE.format(usecase=spec.name, version=judged.version), f"?entry={judged.sequence}"
    picture = [f"![{markdown(words)}]({page}/picture.svg{of})"] if (words := _in_numbers(spec, verdict)) else []
    return [*picture, f"[The verdict as a page, with every gate, slice and link]({page}{of})"]


def _in_numbers(spec: UseCase, verdict: Verdict) -> str:
    """What the picture shows, for who does not see it."""
    cells = [(c.name, c.figure) for c in verdict.cells if c.metric == spec.metrics.primary]
    differences = [_spoken(one.name, one.figure, "+") for one in margins.compared(spec, verdict)]
    told = [_spoken(name, figure) for name, figure in sorted(cells, key=lambda cell: cell[0])]
    return f"{spec.metrics.primary}: {'; '.join([*told, *differences])}" if told else ""


def _spoken(name: str, figure: Interval, sign: str = "") -> str:
    return f"{name} {figure.value:{sign}.4f} ({figure.low:{sign}.4f} to {figure.high:{sign}.4f})"


def _given(entry: ApprovalEntry) -> str:
    when = f"{entry.at:%Y-%m-%d %H:%M} UTC"
    return f"**{entry.by}** {entry.event}, {when}, stage {entry.facts['stage']}: {markdown(entry.reason)}"
