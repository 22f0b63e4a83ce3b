"""A required action ends at the moment that the spec and every page say."""

from typing import Any

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG

from include.contracts.calendar import Span
from include.contracts.operations import OpenQuestion
from include.orchestration import answers
from include.services import composition, waiting
from include.specification.loader import load_usecase


def test_an_approval_that_expires_in_months_ends_by_the_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = load_usecase("flight_delay")
    approving = spec.approval.model_copy(update={"expires": Span("1 month")})
    opened: list[OpenQuestion] = []
    monkeypatch.setattr(answers, "load_usecase", lambda _: spec.model_copy(update={"approval": approving}))
    monkeypatch.setattr(answers, "knows_logins", lambda: False)
    monkeypatch.setattr(answers, "run_key", lambda: "run")
    monkeypatch.setattr(composition, "services", _Services)
    monkeypatch.setattr(waiting, "opened", lambda _, question, *__: opened.append(question))
    monkeypatch.setattr(ApprovalOperator, "execute", lambda *_: None)
    with DAG("flight_delay.export"):
        approval = answers.Approval(subject="Export?")
    approval.execute({})
    [question] = opened
    assert question.until == Span("1 month").after(question.since)
    assert approval.response_timeout == question.until - question.since


class _Services:
    def __getattr__(self, name: str) -> Any:
        return self
