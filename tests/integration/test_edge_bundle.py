"""The edge bundle: one zip file that answers as its release does, where nothing but onnxruntime is installed."""

import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include.contracts.deployment import ReleaseRef
from include.deployment import edge, rollout, scoring
from include.deployment.release import manifest
from include.deployment.requests import answered, request
from include.errors import ApprovalError, DeploymentError, NotFoundError
from include.governance.compliance import assembly, law
from include.loop import edge_bundle
from include.services import compliance
from include.services.composition import Services
from include.settings import Settings
from tests.integration.pipeline_fixtures import AT, SPEC, Serving, requests_frame
from tests.integration.test_serving_tasks import MADE
from tests.unit.fakes.approvals import approve

pytestmark = pytest.mark.integration
PYTHON = str(Settings().triton_venv / "bin" / "python")  # NumPy and onnxruntime; no pandas, nothing of this project


def run(work: Path, rows: Any) -> subprocess.CompletedProcess[str]:
    argv = [PYTHON, "-E", "-s", str(work / "run.py"), str(work / "rows.json")]
    (work / "rows.json").write_text(json.dumps(rows))
    return subprocess.run(argv, capture_output=True, text=True, cwd="/", timeout=60, check=False)


def unpacked(bundle: Path, into: Path) -> Path:
    with zipfile.ZipFile(bundle) as whole:
        whole.extractall(into)
    (work,) = into.iterdir()
    return work


def test_it_answers_every_row_as_the_release_does(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    ref = serving.release(1)
    rollout.write(serving.state, rollout.first(SPEC, ref.name))
    made = edge_bundle.make(SPEC, Services(serving.settings), None)
    assert made["max_difference"] <= SPEC.rollout.parity_bound
    assert made["samples"] == 48
    frame = requests_frame(300, seed=5)
    rows = [row | {"event_timestamp": AT.timestamp()} for row in frame.to_dict("records")]
    ran = run(unpacked(Path(made["bundle"]), tmp_path / "unpacked"), rows)
    assert ran.returncode == 0, ran.stderr
    answers = json.loads(ran.stdout)
    np.testing.assert_allclose(answered(answers), scoring.scores(Path(ref.path), frame), atol=1e-6)
    assert {a["release"] for a in answers} == {ref.name}
    assert [a["prediction"] for a in answers] == [int(a["probability"] >= 0.5) for a in answers]
    _has_evidence(Services(serving.settings), ref.name)


def _has_evidence(services: Services, release: str) -> None:
    """The files of a real release are evidence; what was never trained here, measured or said is named as missing."""
    facts = compliance.gather(SPEC, services, services.adapters.releases.get(SPEC.name, release))
    items = {one.key: one for one in assembly.bundle(facts, law.laws(), "prod", AT).items}
    assert {one.where.split("/")[-1] for one in items["ai_act.3.input"].evidence} >= {"schema.json", "interface.json"}
    assert any(one.where.endswith("report.json") and one.at for one in items["ai_act.2.g"].evidence)
    assert all(item.evidence or item.gaps for item in items.values())
    assert "no window of this release was measured yet" in items["ai_act.9.system"].gaps[0].because


@pytest.mark.parametrize("name", MADE)
def test_images_texts_and_clusters_too(name: str, tmp_path: Path) -> None:
    spec, make = MADE[name]
    model, frame = make()
    ref = Serving(tmp_path, spec).package(model, 1, frame)
    edge.bundle(Path(ref.path), ref.name, tmp_path / "work", tmp_path / "edge.zip", PYTHON)
    rows = [request(spec.inputs, row | {"at": AT.timestamp()}) for row in frame.head(40).to_dict("records")]
    ran = run(unpacked(tmp_path / "edge.zip", tmp_path / "unpacked"), rows)
    np.testing.assert_allclose(answered(json.loads(ran.stdout)), model.predict(frame.head(40)), atol=1e-4)


def test_its_scores_are_the_columns_of_its_schema_whatever_the_order_of_the_model(tmp_path: Path) -> None:
    spec, make = MADE["image"]
    model, frame = make()
    anew = spec.model_copy(update={"event": spec.event.model_copy(update={"classes": spec.event.classes[::-1]})})
    ref = Serving(tmp_path, anew).package(model, 1, frame)
    edge.bundle(Path(ref.path), ref.name, tmp_path / "work", tmp_path / "edge.zip", PYTHON)
    work = unpacked(tmp_path / "edge.zip", tmp_path / "unpacked")
    rows = [request(spec.inputs, row | {"at": AT.timestamp()}) for row in frame.head(20).to_dict("records")]
    answers = json.loads(run(work, rows).stdout)
    columns = json.loads((work / "schema.json").read_text())["classes"]
    assert columns == anew.event.classes
    assert [answer["prediction"] for answer in answers] == [columns[np.argmax(one["scores"])] for one in answers]
    np.testing.assert_allclose(answered(answers), model.predict(frame.head(20))[:, ::-1], atol=1e-4)


@pytest.fixture
def release(tmp_path: Path) -> ReleaseRef:
    return Serving(tmp_path).release(1)


def test_a_row_without_a_request_field_is_named(release: ReleaseRef, tmp_path: Path) -> None:
    edge.bundle(Path(release.path), release.name, tmp_path / "work", tmp_path / "edge.zip", PYTHON)
    rows = [row | {"event_timestamp": AT.timestamp()} for row in requests_frame(2).to_dict("records")]
    for change, said in (
        (
            {"distance": None},
            "row 1: request field 'distance' is missing: the fields that may be missing are ['tailnum']",
        ),
        ({"carrier": ""}, "row 1: request field 'carrier' is missing"),
        ({"distance": [1.0, 2.0]}, "row 1: distance must be 1 numbers"),
        ({"distance": 1e300}, "row 1: request field 'distance' must be finite"),
        ({"distance": 10**400}, "row 1: distance holds a number that is too large"),
        ({"distance": True}, "row 1: distance must be 1 numbers"),
        ({"carrier": 5}, "row 1: carrier must be a text"),
        ({"event_timestamp": 1000 * AT.timestamp()}, "row 1: request field 'event_timestamp' is out of its bounds"),
    ):
        ran = run(tmp_path / "work", [rows[0], rows[1] | change])
        assert ran.returncode == 1
        assert said in ran.stderr


def test_a_looked_up_feature_that_is_no_value_of_its_kind_is_named(release: ReleaseRef, tmp_path: Path) -> None:
    """Neither read as the number that a text looks like, nor a message of NumPy's own."""
    work = tmp_path / "work"
    edge.bundle(Path(release.path), release.name, work, tmp_path / "edge.zip", PYTHON)
    rows = [row | {"event_timestamp": AT.timestamp()} for row in requests_frame(2).to_dict("records")]
    for value, said in (
        ("40", "row 1: temp must be 1 numbers; it holds something else"),
        ({"value": 40}, "row 1: temp must be 1 numbers"),
        ([40.0], "row 1: temp must be 1 numbers"),
        (10**400, "row 1: temp holds a number that is too large"),
    ):
        ran = run(work, [rows[0], rows[1] | {"temp": value}])
        assert ran.returncode == 1
        assert said in ran.stderr
    left_out = [{name: value for name, value in row.items() if name != "temp"} for row in rows]
    missing = [run(work, [row | given for row in left_out]) for given in ({}, {"temp": None}, {"temp": ""})]
    assert [one.stdout for one in missing] == [missing[0].stdout] * 3
    assert missing[0].returncode == 0


def test_a_release_that_was_changed_or_is_not_there_gives_none(release: ReleaseRef, tmp_path: Path) -> None:
    services = Services(Settings(home=tmp_path))
    with pytest.raises(NotFoundError, match="has no serving release: name a release"):
        edge_bundle.make(SPEC, services, None)
    with pytest.raises(NotFoundError, match="has no release 'r0009'"):
        edge_bundle.make(SPEC, services, "r0009")
    with pytest.raises(ApprovalError, match=f"{release.name} was never the champion"):
        edge_bundle.make(SPEC, services, release.name)
    approve(services, SPEC, release.model_version, manifest(Path(release.path))["model_hash"])
    (Path(release.path) / "model.onnx").write_bytes(b"another model")
    with pytest.raises(DeploymentError, match="was changed after packaging"):
        edge_bundle.make(SPEC, services, release.name)
    assert not (services.settings.edge_bundles / SPEC.name / f"{release.name}.zip").exists()
