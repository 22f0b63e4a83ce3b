"""Verdicts: entries of the signed record, and what MLflow and the model card display of them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from include.contracts.approval import ApprovalEntry
from include.contracts.development import ModelRef
from include.contracts.evaluation import RecordedVerdict, Verdict
from include.development.card.page import page_with_verdict, with_verdict
from include.errors import NotFoundError, ServiceError
from include.evaluation.report import render
from include.governance import approval
from include.records.registry import VERDICTS
from include.services import evidence
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
    shown = evidence.collected(spec, services.adapters, model, verdict)
    facts = {"verdict": verdict.json_dict(), "evidence": shown.json_dict(), "spec": approval.spec_hash(spec)}
    with services.approvals.adding(spec) as ledger:
        waiting = approval.open_questions(ledger.history)
        judged = ledger.add(
            "verdict", model, by=by, people=[*people], reason=verdict.reason, run=run, verdict=verdict.digest,
            decision=verdict.decision, evidence=shown.digest, facts=facts,
        )  # fmt: skip
        words = f"version {model.version} was judged since ({verdict.decision})"
        for question in waiting:
            ledger.conclude("withdrawn", question, by="a newer verdict", reason=words)
    show(spec, services, model, verdict)
    for version in {question.version for question in waiting} - {model.version}:
        show_newest(spec, services, version)
    period = model.dataset.test.periods[-1]
    row = RecordedVerdict.model_validate({"period": period, "decided_at": verdict.decided_at, "record": verdict})
    VERDICTS.append(spec.name, services.adapters.lake, [row])
    return judged


def show(
    spec: UseCase, services: Services, model: ModelRef, verdict: Verdict, tags: Mapping[str, str] | None = None,
    alias: str = "",
) -> None:  # fmt: skip
    """Display a version in MLflow, if that answers: what is recorded counts without it.

    ``tags`` and ``alias`` are set beside the documents.
    """
    try:
        _display(spec, services, model, verdict)
        services.adapters.tracker.tag(spec.name, model.version, {"verdict": verdict.decision, **(tags or {})})
        if alias:
            services.adapters.tracker.set_alias(spec.name, alias, model.version)
    except (ServiceError, NotFoundError) as error:
        print(f"version {model.version} is recorded, but MLflow cannot show it: {error}", flush=True)


def _display(spec: UseCase, services: Services, model: ModelRef, verdict: Verdict) -> None:
    tracker, history = services.adapters.tracker, of_version(services.approvals.history(spec), model.version)
    tracker.add_document(model, DOCUMENT, json.dumps(verdict.json_dict(), indent=1))
    tracker.add_document(model, "evaluation/verdict.md", render(verdict))
    for path, written in CARDS.items():
        try:
            card = tracker.document(model, path)
        except NotFoundError:  # a version without a card stays without
            continue
        tracker.add_document(model, path, written(card, verdict, history))


def show_newest(spec: UseCase, services: Services, version: int, **display: Any) -> None:
    """The same with the newest verdict on the version, and everything that was answered."""
    judged = approval.newest_verdict(services.approvals.history(spec), version=version)
    if judged:
        show(spec, services, services.approvals.model(spec, version), verdict_of(judged), **display)


def newest_over(spec: UseCase, services: Services, version: int, champion_release: str) -> Verdict | None:
    """The newest signed verdict that compared this version, or its proof, with the release; None without one."""
    history = services.approvals.history(spec)
    judged = approval.proof_version(history, version)
    entries = [entry for entry in of_version(history, judged) if entry.event == "verdict"]
    found = (verdict_of(entry) for entry in reversed(entries))
    return next((verdict for verdict in found if verdict.champion_release == champion_release), None)


def of_version(history: Sequence[ApprovalEntry], version: int) -> list[ApprovalEntry]:
    """What is recorded about one version, oldest first."""
    return [entry for entry in history if entry.version == version]
