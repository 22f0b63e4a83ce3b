"""The bill of materials of a release: CycloneDX 1.6, one machine-learning model with its card, data and libraries.

Each field is from a run; what there is nothing of is a property ``moebius:missing:<field>`` with the reason.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from include.contracts.development import DatasetRef, PartRef, Proof
from include.contracts.evaluation import Cell, GateOutcome, Verdict
from include.contracts.record import Record
from include.deployment import libraries
from include.families.registry import family
from include.specification.usecase import UseCase

SPECIFICATION = "1.6"
NAMESPACE = uuid.UUID("7d0f4c0e-8f0b-4f0e-9a53-6a1f0b6c2d11")
MISSING = "moebius:missing:"
MODEL = "model"
SETS = {"old": "test set of the champion", "new": "new test set"}
Fields = dict[str, Any]


class Origin(Record):
    """What the runs that led to a release left: of the training, the search, the evaluation.

    ``why_no_training``: why there is no record of the training, when there is none.
    """

    trainer: str
    proof: Proof | None = None
    recalibrated: Proof | None = None
    members: list[int] = Field([])
    verdict: Verdict | None = None
    parameters: dict[str, int | float | str] = Field({})
    environment: dict[str, str] = Field({})
    cost: dict[str, dict[str, float]] = Field({})
    why_no_training: str = ""


def document(
    spec: UseCase, dataset: DatasetRef, facts: Mapping[str, Any], report: Mapping[str, Any], origin: Origin
) -> Fields:
    """The whole document; ``facts`` is the release's manifest, ``report`` what packaging measured."""
    parts = {name: getattr(dataset, name) for name in ("train", "validation", "test")}
    data = [_data(spec, dataset), *(_part(spec, name, part) for name, part in parts.items())]
    made_with = libraries.components(origin.trainer)
    model = _model(spec, dataset, facts, report, origin)
    refs = [one["bom-ref"] for one in (*data, *made_with)]
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPECIFICATION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "serialNumber": uuid.uuid5(NAMESPACE, f"{spec.name}/{facts['model_version']}/{facts['model_hash']}").urn,
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "tools": {"components": [{"type": "application", "name": "moebius"}]},
            "component": model,
        },
        "components": [*data, *made_with],
        "dependencies": [{"ref": MODEL, "dependsOn": refs}, *({"ref": ref} for ref in refs)],
    }


def missing(bom: Mapping[str, Any]) -> dict[str, str]:
    """Field → why it is not there, of the model and its card."""
    component = bom["metadata"]["component"]
    listed = [*component.get("properties", ()), *component["modelCard"].get("properties", ())]
    return {one["name"].removeprefix(MISSING): one["value"] for one in listed if one["name"].startswith(MISSING)}


def _model(
    spec: UseCase, dataset: DatasetRef, facts: Mapping[str, Any], report: Mapping[str, Any], origin: Origin
) -> Fields:
    known = {
        "task": spec.task, "trainer": origin.trainer, "feature_service": facts["feature_service"],
        "feature_definitions": facts["hashes"]["feature_service"], "encoding": facts["hashes"]["encoding"],
        "code": facts["code_hash"], "onnxruntime": facts["onnxruntime"], "form": report["form"],
        "onnx_bytes": report["onnx_bytes"], "parity_bound": facts["parity_bound"],
        "dataset": dataset.name, "as_of": dataset.as_of and dataset.as_of.isoformat(),
        "lock": origin.environment.get("lock"), "revision": origin.environment.get("revision"),
        **{f"parameter:{name}": value for name, value in origin.parameters.items()},
        **{f"environment:{name}": value for name, value in origin.environment.items()},
    }  # fmt: skip
    absent = {
        "libraries of the model server": "its environment is its own; the tests before traffic ran in it",
        "licenses": "the spec names no licence of the model; it is its owner's",
    }
    if not (hashes := _hashes(str(facts["model_hash"]))):
        absent["hashes"] = "the artifact has no SHA-256"
    if origin.why_no_training:
        absent["parameters and environment of the training"] = origin.why_no_training
    return {
        "type": "machine-learning-model",
        "bom-ref": MODEL,
        "name": spec.name,
        "version": str(facts["model_version"]),
        "description": f"{spec.title}. {spec.description}",
        "authors": [{"name": spec.owner}],
        **hashes,
        **_pedigree(spec, origin),
        "modelCard": _card(spec, facts, origin),
        "properties": [*_properties(known), *_missing(absent)],
    }


def _pedigree(spec: UseCase, origin: Origin) -> Fields:
    """What the model is the refit of, or was before it was recalibrated, and which models it is the average of."""
    ancestors = [
        {"type": "machine-learning-model", "name": spec.name, "version": str(one.version), "description": what}
        | _hashes(one.artifact_hash)
        for one, what in (
            (origin.proof, "the proof: it was judged, and this model is its refit with the newest rows"),
            (origin.recalibrated, "the same learned parameters with another calibrator"),
        )
        if one
    ]
    ancestors += [
        {"type": "machine-learning-model", "name": spec.name, "version": str(version), "description": "averaged"}
        for version in origin.members
    ]
    return {"pedigree": {"ancestors": ancestors}} if ancestors else {}


def _card(spec: UseCase, facts: Mapping[str, Any], origin: Origin) -> Fields:
    considerations, absent = _considerations(spec, origin)
    metrics = _metrics(spec, origin.verdict)
    if not metrics:
        absent["quantitativeAnalysis.performanceMetrics"] = "the version was packaged without a verdict"
    absent["quantitativeAnalysis.graphics"] = "the pictures are in the model card of the version in MLflow"
    absent["modelParameters.architectureFamily"] = "the trainer names its algorithm only"
    return {
        "modelParameters": {
            "approach": {"type": "supervised" if family(spec).facts.labelled else "unsupervised"},
            "task": spec.task,
            "modelArchitecture": origin.trainer,
            "datasets": [{"ref": "data"}, *({"ref": f"data:{name}"} for name in ("train", "validation", "test"))],
            "inputs": [{"format": f"{name}: {kind}"} for name, kind in facts["request"].items()],
            "outputs": [{"format": f"{facts['scores_per_row']} score(s) per row: {facts.get('predicts', spec.task)}"}],
        },
        **({"quantitativeAnalysis": {"performanceMetrics": metrics}} if metrics else {}),
        "considerations": considerations,
        "properties": [*_properties(_judged(origin)), *_missing(absent)],
    }


def _judged(origin: Origin) -> Fields:
    """What came of the evaluation, and what the training cost."""
    costs = {f"cost:{stage}:{name}": value for stage, cost in origin.cost.items() for name, value in cost.items()}
    if (verdict := origin.verdict) is None:
        return costs
    gates = {f"gate:{one.gate}": f"{_passed(one)}: {one.detail}" for one in verdict.gates}
    return {
        "verdict": verdict.decision, "verdict:rule": verdict.rule, "verdict:reason": verdict.reason,
        "verdict:digest": verdict.digest, "verdict:of": f"version {verdict.candidate}",
        "verdict:champion": verdict.champion_release or "none", **gates, **costs,
    }  # fmt: skip


def _passed(outcome: GateOutcome) -> str:
    return "not judged" if not outcome.judged else "passed" if outcome.passed else "failed"


def _metrics(spec: UseCase, verdict: Verdict | None) -> list[Fields]:
    """Of what was judged, on each test set: the refit learned from these rows, its proof did not."""
    cells = [cell for cell in verdict.cells if cell.model == "candidate"] if verdict else []
    return [_metric(cell, verdict.windows.get(cell.test_set, "") if verdict else "") for cell in cells]


def _metric(cell: Cell, window: str) -> Fields:
    figure = cell.figure
    worth = "" if figure.effective_n is None else f", as {figure.effective_n} independent ones for this value"
    return {
        "type": cell.metric,
        "value": repr(figure.value),
        "slice": f"{SETS[cell.test_set]}{f', {window}' if window else ''} ({figure.n} rows{worth})",
        "confidenceInterval": {"lowerBound": repr(figure.low), "upperBound": repr(figure.high)},
    }


def _considerations(spec: UseCase, origin: Origin) -> tuple[Fields, dict[str, str]]:
    """What is known, and why the rest is missing."""
    card, verdict = spec.card, origin.verdict
    limits = [f"Not for: {use}" for use in card.not_for]
    if spec.event.label:
        limits.append(f"Labels are complete {spec.event.label_delay} after the event.")
    if any(feature.kind == "categorical" for feature in spec.features):
        limits.append("A category that does not occur in the training part counts as unknown.")
    fair = [one for one in verdict.gates if one.gate.startswith("fairness:")] if verdict else []
    value = verdict.net_value if verdict else None
    said: Fields = {
        "useCases": [card.intended_use or spec.description],
        "technicalLimitations": limits,
        "performanceTradeoffs": [f"{name}: {part:+.5f} {value.metric}" for name, part in value.parts.items()]
        if value else [],
        "ethicalConsiderations": [{"name": card.ethics}] if card.ethics else [],
        "fairnessAssessments": [
            {"groupAtRisk": one.gate.removeprefix("fairness:"), "harms": f"{_passed(one)}: {one.detail}"}
            for one in fair
        ],
    }  # fmt: skip
    reasons = {
        "users": "the spec has no field for who may use the model; roles and clients of the gateway decide",
        "technicalLimitations": "the spec names none",
        "performanceTradeoffs": "the verdict has no net value: nothing served to compare with, or there is no verdict",
        "ethicalConsiderations": "card.ethics of the spec is empty",
        "environmentalConsiderations": "energy is not measured; the time and CPU time of the training are properties",
        "fairnessAssessments": "the spec sets no limits of fairness, or no verdict judged them",
    }
    absent = {f"considerations.{name}": why for name, why in reasons.items() if not said.get(name)}
    return {name: value for name, value in said.items() if value}, absent


def _data(spec: UseCase, dataset: DatasetRef) -> Fields:
    """The dataset with what it was read from: its digest is that of its manifest, which names every snapshot."""
    known: Fields = {f"snapshot:{period}": name for period, name in sorted(dataset.snapshots.items())}
    known |= {"refit_of": dataset.refit_of or None, "label": dataset.label}
    return {
        "type": "data",
        "bom-ref": "data",
        "name": dataset.name,
        **_hashes(dataset.digest),
        "data": [_governed(spec, "data:content", dataset.name)],
        "properties": _properties(known),
    }


def _part(spec: UseCase, name: str, part: PartRef) -> Fields:
    periods = f"{part.periods[0]} to {part.periods[-1]}" if part.periods else None
    return {
        "type": "data",
        "bom-ref": f"data:{name}",
        "name": name,
        **_hashes(part.content_hash),
        "data": [_governed(spec, f"data:{name}:content", name)],
        "properties": _properties({"rows": part.rows, "periods": periods, "content_hash": part.content_hash}),
    }


def _governed(spec: UseCase, ref: str, name: str) -> Fields:
    personal = sorted(column for column, rule in spec.privacy.columns.items() if rule.level == "personal")
    owners = {"owners": [{"contact": {"name": spec.owner}}]}
    about = {"type": "dataset", "bom-ref": ref, "name": name, "governance": owners}
    return about | ({"sensitiveData": personal} if personal else {})


def _hashes(digest: str) -> Fields:
    """As the schema has it; what is no SHA-256 stands among the properties."""
    return {"hashes": [{"alg": "SHA-256", "content": digest}]} if re.fullmatch("[0-9a-f]{64}", digest) else {}


def _properties(known: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"name": f"moebius:{name}", "value": str(value)} for name, value in known.items() if value is not None]


def _missing(absent: Mapping[str, str]) -> Sequence[dict[str, str]]:
    return [{"name": f"{MISSING}{name}", "value": why} for name, why in absent.items()]
