"""Stores verdicts with the model version and in the lake."""

import json

from include.contracts.development import ModelRef
from include.contracts.evaluation import RecordedVerdict, Verdict
from include.development.card.page import page_with_verdict, with_verdict
from include.errors import NotFoundError
from include.records.registry import VERDICTS
from include.services.composition import Services
from include.specification.usecase import UseCase

DOCUMENT = "evaluation/verdict.json"
CARDS = {"model_card.md": with_verdict, "model_card.html": page_with_verdict}


def store(spec: UseCase, services: Services, model: ModelRef, verdict: Verdict, report: str) -> None:
    """With the model's documents, in its card, as a tag and in the lake."""
    keep(spec, services, model, verdict, report)
    period = model.dataset.test.periods[-1]
    row = RecordedVerdict.model_validate({"period": period, "decided_at": verdict.decided_at, "record": verdict})
    VERDICTS.append(spec.name, services.adapters.lake, [row])


def keep(spec: UseCase, services: Services, model: ModelRef, verdict: Verdict, report: str) -> None:
    """With the model version only."""
    services.adapters.tracker.add_document(model, DOCUMENT, json.dumps(verdict.json_dict(), indent=1))
    services.adapters.tracker.add_document(model, "evaluation/verdict.md", report)
    services.adapters.tracker.tag(spec.name, model.version, {"verdict": verdict.decision})
    on_card(services, model, verdict)


def on_card(services: Services, model: ModelRef, verdict: Verdict, approval: str = "") -> None:
    """The model card tells the verdict and who approved it; a version without a card stays without."""
    for path, written in CARDS.items():
        try:
            card = services.adapters.tracker.document(model, path)
        except NotFoundError:
            continue
        services.adapters.tracker.add_document(model, path, written(card, verdict, approval))


def of(services: Services, model: ModelRef) -> Verdict:
    """The newest verdict on the version; NotFoundError when it was not evaluated."""
    return Verdict.model_validate_json(services.adapters.tracker.document(model, DOCUMENT))
