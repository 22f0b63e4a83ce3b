"""What a person is asked who may approve a release."""

from collections.abc import Sequence

from include.contracts.approval import ApprovalEntry, Evidence
from include.evaluation.report import render
from include.formats.plain_text import markdown
from include.governance import approval, evidence, stages
from include.services.approvals import verdict_of
from include.specification.usecase import UseCase


def body(spec: UseCase, history: approval.History, judged: ApprovalEntry, answering: Sequence[str]) -> str:
    """The verdict, its evidence, who has answered, who must, and until when, as Markdown."""
    lines = [render(verdict_of(judged)), f"Verdict `{judged.verdict[:12]}` on version {judged.version}."]
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


def _given(entry: ApprovalEntry) -> str:
    when = f"{entry.at:%Y-%m-%d %H:%M} UTC"
    return f"**{entry.by}** {entry.event}, {when}, stage {entry.facts['stage']}: {markdown(entry.reason)}"
