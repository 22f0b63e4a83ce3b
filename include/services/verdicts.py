"""Verdicts: entries of the signed record, and what MLflow and the model card display of them."""

import json
from collections.abc import Sequence

from include.contracts.approval import ApprovalEntry
from include.contracts.development import ModelRef
from include.contracts.evaluation import RecordedVerdict, Verdict
from include.development.card.page import page_with_verdict, with_verdict
from include.errors import NotFoundError
from include.evaluation.report import render
from include.governance import approval
from include.records.registry import VERDICTS
from include.services.approvals import verdict_of
from include.services.composition import Services
from include.specification.usecase import UseCase

DOCUMENT = "evaluation/verdict.json"
CARDS = {"model_card.md": with_verdict, "model_card.html": page_with_verdict}


def store(
    spec: UseCase,
    services: Services,
    model: ModelRef,
    verdict: Verdict,
    *,
    run: str = "",
    by: str = "",
    people: Sequence[str] = (),
) -> ApprovalEntry:
    """Sign the verdict into the record, withdraw what waited for an answer, and display it.

    ``run`` is the evaluation, ``by`` what started it, ``people`` the logins that did.
    """
    with services.approvals.adding(spec) as ledger:
        waiting = approval.open_questions(ledger.history)
        judged = ledger.add(
            "verdict", model, by=by, people=[*people], reason=verdict.reason, run=run, verdict=verdict.digest,
            decision=verdict.decision, facts={"verdict": verdict.json_dict()},
        )  # fmt: skip
        words = f"version {model.version} was judged since ({verdict.decision})"
        for question in waiting:
            ledger.add(
                "withdrawn", question, by="a newer verdict", reason=words, run=question.run, about=question.sequence,
                verdict=question.verdict, decision=question.decision,
            )  # fmt: skip
    display(spec, services, model, verdict)
    for version in {question.version for question in waiting} - {model.version}:
        redisplay(spec, services, version)
    period = model.dataset.test.periods[-1]
    row = RecordedVerdict.model_validate({"period": period, "decided_at": verdict.decided_at, "record": verdict})
    VERDICTS.append(spec.name, services.adapters.lake, [row])
    return judged


def display(spec: UseCase, services: Services, model: ModelRef, verdict: Verdict) -> None:
    """Show the verdict with the model version in MLflow and in its card; nothing reads it there to decide."""
    tracker, history = services.adapters.tracker, of_version(services.approvals.history(spec), model.version)
    tracker.add_document(model, DOCUMENT, json.dumps(verdict.json_dict(), indent=1))
    tracker.add_document(model, "evaluation/verdict.md", render(verdict))
    tracker.tag(spec.name, model.version, {"verdict": verdict.decision})
    for path, written in CARDS.items():
        try:
            card = tracker.document(model, path)
        except NotFoundError:  # a version without a card stays without
            continue
        tracker.add_document(model, path, written(card, verdict, history))


def redisplay(spec: UseCase, services: Services, version: int) -> None:
    """Show the newest verdict of a version, and everything that was answered to its verdicts."""
    judged = approval.newest_verdict(services.approvals.history(spec), version=version)
    if judged:
        display(spec, services, services.approvals.model(spec, version), verdict_of(judged))


def of_version(history: Sequence[ApprovalEntry], version: int) -> list[ApprovalEntry]:
    """What is recorded about one version, oldest first."""
    return [entry for entry in history if entry.version == version]
