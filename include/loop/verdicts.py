"""Verdicts are stored with the model version, which makes them part of its record, and in the lake, to be listed."""

import json

import pyarrow as pa

from include.contracts import ModelRef, Verdict
from include.services import Services
from include.usecase import UseCase

DOCUMENT = "evaluation/verdict.json"


def store(spec: UseCase, services: Services, model: ModelRef, verdict: Verdict, report: str) -> None:
    text = json.dumps(verdict.json_dict(), indent=1)
    services.tracker.add_document(model, DOCUMENT, text)
    services.tracker.add_document(model, "evaluation/verdict.md", report)
    services.tracker.tag(spec.name, model.version, {"verdict": verdict.decision})
    period = model.dataset.test.periods[-1]
    services.lake.append(spec.name, "verdicts", pa.Table.from_pylist([{"period": period, "record": text}]))


def of(services: Services, model: ModelRef) -> Verdict:
    """The newest verdict on the version; NotFoundError when it was not evaluated."""
    return Verdict.model_validate_json(services.tracker.document(model, DOCUMENT))
