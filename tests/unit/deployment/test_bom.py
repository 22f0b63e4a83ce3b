"""The bill of materials: valid by its schema, from runs, with a reason for whatever is missing."""

import json
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pytest

from include.adapters.bom_schema import require_valid
from include.contracts.development import DatasetRef, PartRef, Proof
from include.contracts.evaluation import Cell, GateOutcome, Interval, NetValue, Verdict
from include.deployment import bom
from include.deployment.bom import Origin
from include.errors import DeploymentError
from include.specification.loader import load_usecase

SPEC = load_usecase("flight_delay")
PART = PartRef(path="/nowhere", rows=20, content_hash="a" * 64, periods=["2013-01", "2013-02"])
DATASET = DatasetRef(
    usecase=SPEC.name, name="d", path="/nowhere", feature_service=SPEC.feature_service, label="late", train=PART,
    validation=PART, test=PART, snapshots={"2013-01": "s1", "2013-02": "s2"},
)  # fmt: skip
FACTS = {
    "model_version": 4, "model_hash": "b" * 64, "feature_service": SPEC.feature_service, "code_hash": "c" * 64,
    "hashes": {"feature_service": "d" * 64, "encoding": "e" * 64}, "onnxruntime": "1", "parity_bound": 1e-4,
    "request": SPEC.request, "scores_per_row": 1, "predicts": "class",
}  # fmt: skip
REPORT = {"form": "as trained", "onnx_bytes": 12}
FIGURE = Interval(value=0.71, low=0.69, high=0.73, n=2000, effective_n=300)
VERDICT = Verdict(
    usecase=SPEC.name, decision="promote", rule="gain", reason="better", candidate=3, champion=1,
    champion_release="r0001", differences={}, self_test="passed", decided_at=datetime(2026, 1, 2, tzinfo=UTC),
    cells=[
        Cell(name="D", model="candidate", test_set="new", metric="auc", figure=FIGURE),
        Cell(name="C", model="champion", test_set="new", metric="auc", figure=FIGURE),
    ],
    gates=[GateOutcome(gate="fairness:equal_opportunity:carrier", passed=True, detail="gap 0.02")],
    windows={"new": "2013-03"}, net_value=NetValue(metric="auc", total=0.01, parts={"gain": 0.02, "cost": -0.01}),
)  # fmt: skip


def document(origin: Origin, **facts: Any) -> dict[str, Any]:
    made = bom.document(SPEC, DATASET, FACTS | facts, REPORT, origin)
    require_valid(json.dumps(made))
    return made


def test_a_release_with_all_its_runs() -> None:
    origin = Origin(
        trainer="xgboost", proof=Proof(version=3, artifact_hash="f" * 64), verdict=VERDICT,
        parameters={"max_depth": 6}, environment={"lock": "9" * 64}, cost={"fit": {"cpu_seconds": 2.5}},
    )  # fmt: skip
    made = document(origin)
    model = made["metadata"]["component"]
    assert (made["specVersion"], model["type"], model["version"]) == ("1.6", "machine-learning-model", "4")
    assert model["hashes"] == [{"alg": "SHA-256", "content": "b" * 64}]
    assert [one["version"] for one in model["pedigree"]["ancestors"]] == ["3"]
    assert model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"] == [
        {
            "type": "auc",
            "value": "0.71",
            "slice": "new test set, 2013-03 (2000 rows, as 300 independent ones for this value)",
            "confidenceInterval": {"lowerBound": "0.69", "upperBound": "0.73"},
        }
    ]
    fair = model["modelCard"]["considerations"]["fairnessAssessments"]
    assert fair == [{"groupAtRisk": "equal_opportunity:carrier", "harms": "passed: gap 0.02"}]
    libraries = {one["name"]: one for one in made["components"] if one["type"] == "library"}
    assert libraries["xgboost"]["version"] == version("xgboost")
    assert all("licenses" in one or "properties" in one for one in libraries.values())
    data = {one["bom-ref"]: one for one in made["components"] if one["type"] == "data"}
    assert {"name": "moebius:snapshot:2013-01", "value": "s1"} in data["data"]["properties"]
    assert data["data:train"]["hashes"][0]["content"] == "a" * 64
    assert "tailnum" in data["data"]["data"][0]["sensitiveData"]
    known = bom.missing(made)
    assert "considerations.users" in known
    assert not {"quantitativeAnalysis.performanceMetrics", "considerations.fairnessAssessments"} & set(known)


def test_what_no_run_left_is_listed_with_the_reason() -> None:
    made = document(Origin(trainer="sklearn", why_no_training="it is an average"), model_hash="unknown")
    known = bom.missing(made)
    assert known["parameters and environment of the training"] == "it is an average"
    assert known["quantitativeAnalysis.performanceMetrics"] == "the version was packaged without a verdict"
    assert known["hashes"] == "the artifact has no SHA-256"
    assert "environmentalConsiderations" in " ".join(known)
    assert "pedigree" not in made["metadata"]["component"]


def test_what_does_not_fit_the_schema_is_named() -> None:
    made = document(Origin(trainer="xgboost"))
    made["metadata"]["component"]["modelCard"]["color"] = "blue"
    with pytest.raises(DeploymentError, match=r"CycloneDX 1\.6: metadata/component/modelCard: .*color"):
        require_valid(json.dumps(made))
