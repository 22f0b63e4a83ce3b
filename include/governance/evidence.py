"""What an approval is on: the hashes of everything that was judged, and what has changed since."""

import hashlib

from include.contracts.approval import Evidence
from include.contracts.development import DatasetRef
from include.contracts.evaluation import Verdict
from include.governance.approval import spec_hash
from include.specification.usecase import UseCase

OPERATED = (
    "title", "description", "owner", "approval", "rollout", "monitoring", "retrain", "retention", "hand_over",
    "labelling", "compliance", "retirement",
)  # fmt: skip
"""Keys of the spec that say how a release is run, not how it was made and judged: they may change after an approval."""
FIGURES = ("cells", "differences", "gates", "samples", "net_value", "gain_by_part")
WORDS = {
    "verdict": "the verdict", "figures": "the figures of the verdict", "card": "the model card",
    "dataset": "the dataset", "spec": "the spec",
}  # fmt: skip


def of(spec: UseCase, verdict: Verdict, card: str, dataset: DatasetRef | None) -> Evidence:
    """The evidence on a candidate; ``card``: its text without the verdict, '' without one."""
    others = [name for name in type(verdict).model_fields if name not in FIGURES]
    return Evidence(
        verdict=verdict.digest,
        figures=verdict.digest_without(*others),
        card=hashlib.sha256(card.encode()).hexdigest() if card else "",
        dataset=dataset.digest_without("rewrites") if dataset else "",
        spec=spec_hash(spec, OPERATED),
    )


def difference(judged: Evidence, now: Evidence) -> str:
    """What of the evidence is another one now, in words; '' for nothing."""
    before, after = judged.json_dict(), now.json_dict()
    changed = [
        f"{words} is gone"
        if not after[name]
        else f"{words} changed ({before[name][:12] or 'none'} → {after[name][:12]})"
        for name, words in WORDS.items()
        if before[name] != after[name]
    ]
    return ", ".join(changed)


def table(evidence: Evidence) -> str:
    """The evidence as Markdown, for who approves."""
    rows = [f"| {words} | `{getattr(evidence, name)[:12] or 'none'}` |" for name, words in WORDS.items()]
    return "\n".join(
        [f"Evidence `{evidence.digest[:12]}`, which your answer signs:", "", "| of | hash |", "|---|---|", *rows]
    )
