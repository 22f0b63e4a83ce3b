"""Who approves which verdict."""

import pytest

from include.contracts.evaluation import Verdict
from include.governance.approval import approver
from tests.unit.evaluation.evaluation_specs import small_spec


def verdict(decision: str, champion: int | None) -> Verdict:
    return Verdict.model_validate(
        {
            "usecase": "u", "decision": decision, "rule": "r", "reason": "why", "candidate": 2, "champion": champion,
            "champion_release": None, "cells": [], "differences": {}, "gates": [], "self_test": "passed",
            "decided_at": "2026-01-01T00:00:00+00:00",
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("decision", "champion", "expected"),
    [
        ("promote", None, "policy"),
        ("promote", 1, "person"),
        ("ask_human", None, "person"),
        ("keep_champion", None, "nobody"),
        ("data_problem", 1, "nobody"),
    ],
)
def test_the_rule_of_the_spec_binds_unless_the_verdict_refuses_or_asks(
    decision: str, champion: int | None, expected: str
) -> None:
    spec = small_spec(approval={"first_release": "policy", "retrain": "human"})
    assert approver(spec, verdict(decision, champion)) == expected
