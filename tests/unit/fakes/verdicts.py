"""Verdicts with figures, as an evaluation writes them, in the signed record."""

from datetime import UTC, datetime
from typing import Any

from include.contracts.approval import ApprovalEntry
from include.contracts.evaluation import Cell, GateOutcome, HeldFigure, Interval, NetValue, PartGain, Verdict
from include.governance import approval
from include.services.composition import Services
from include.specification.usecase import UseCase
from tests.unit.fakes.approvals import judge

CELLS = {"A": 0.63, "B": 0.66, "C": 0.62, "D": 0.67}
DIFFERENCES = {"D-C": 0.05, "B-A": 0.03, "C-A": -0.01, "D-B": 0.01}


def figure(value: float, half: float = 0.02) -> Interval:
    return Interval(value=value, low=value - half, high=value + half, n=28_000, effective_n=800)


def gates() -> list[GateOutcome]:
    """One that passed, one that refused, one without power, one of an earlier version without figures."""
    gain = HeldFigure.of("gain in roc_auc", figure(0.05), 0.0)
    return [
        GateOutcome(gate="gain", passed=True, detail="it gains", held=gain),
        GateOutcome(
            gate="slice:origin=JFK", passed=False, detail="<b>lost</b>", held=gain.model_copy(update={"limit": 0.1})
        ),
        GateOutcome(gate="slice:origin=LGA", passed=True, judged=False, needed=50_000, detail="too few", held=gain),
        GateOutcome(gate="forgetting", passed=True, detail="nothing is forgotten"),
    ]


def verdict(spec: UseCase, candidate: int, champion: int | None = 2, **changes: Any) -> Verdict:
    """Of a candidate that waits for a person; without a champion with the cell D alone."""
    names = "ABCD" if champion is not None else "D"
    cells = [
        Cell.model_validate({
            "name": name, "model": "champion" if name in "AC" else "candidate", "metric": metric,
            "test_set": "old" if name in "AB" else "new", "figure": figure(CELLS[name]),
        })
        for metric in (spec.metrics.primary, "brier")
        for name in names
    ]  # fmt: skip
    against = {
        "champion": champion, "champion_release": "r0001", "champion_proof": 1, "probability": 0.987,
        "probability_needed": 0.9,
        "net_value": NetValue(metric="roc_auc", total=0.04, parts={"release": -0.01, "gain": 0.05}),
        "differences": {f"{name} roc_auc": figure(value) for name, value in DIFFERENCES.items()},
        "windows": {"old": "2013-04", "new": "2013-10"}, "old_set": "2013-04-a81f", "old_set_judged": 3,
        "gain_by_part": [PartGain(part=f"2013-10-0{day}", rows=900, gain=0.05 - day / 50) for day in (1, 2, 3)],
    }  # fmt: skip
    alone = {"champion": None, "champion_release": None, "differences": {}, "windows": {"new": "2013-10"}}
    facts: dict[str, Any] = {
        "usecase": spec.name, "decision": "ask_human", "rule": "slice:origin=JFK", "reason": "<i>JFK</i> lost",
        "candidate": candidate, "cells": cells, "gates": gates(), "self_test": "refused by gain",
        "decided_at": datetime(2013, 11, 1, tzinfo=UTC),
    }  # fmt: skip
    return Verdict.model_validate(facts | (against if champion is not None else alone) | changes)


def record(services: Services, spec: UseCase, given: Verdict, run: str = "run 1") -> ApprovalEntry:
    """Sign the verdict into the record, after a registration of its candidate."""
    judge(services, spec, given.candidate)
    with services.approvals.adding(spec) as ledger:
        model = approval.registration(ledger.history, given.candidate)
        assert model is not None
        about = {"decision": given.decision, "verdict": given.digest, "evidence": "e" * 64, "run": run}
        facts = {"verdict": given.json_dict()}
        return ledger.add("verdict", model, by="asset_triggered", reason=given.reason, facts=facts, **about)
