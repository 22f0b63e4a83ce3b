"""Who must approve that a candidate replaces the champion."""

from typing import Literal

from include.contracts.evaluation import Verdict
from include.specification.usecase import UseCase

Approver = Literal["nobody", "policy", "person"]
REFUSED = ("keep_champion", "data_problem")


def approver(spec: UseCase, verdict: Verdict) -> Approver:
    """``nobody`` when the verdict refuses: there is nothing to approve. Who asks for a person gets one."""
    if verdict.decision in REFUSED:
        return "nobody"
    rule = spec.approval.first_release if verdict.champion is None else spec.approval.retrain
    return "policy" if rule == "policy" and verdict.decision != "ask_human" else "person"
