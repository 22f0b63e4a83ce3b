"""A whole release, and the test before traffic on the real server: what passes, what is refused and what is told."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from include.contracts.deployment import ReleaseRef
from include.deployment import predeployment, release, scoring
from include.errors import DeploymentError, ServiceError
from include.specification.packaging import AcceptanceTest, Packaging
from tests.integration.pipeline_fixtures import FLIGHTS, SPEC, Serving, requests_frame, trained
from tests.integration.usecase_fixtures import patient

pytestmark = pytest.mark.integration
CALM, STORM = FLIGHTS.user_acceptance
ANY_ANSWER = AcceptanceTest.model_validate(
    CALM.model_dump() | {"name": "any probability is agreed", "expects": {"at_least": 0, "at_most": 1}}
)
NEVER = CALM.model_copy(
    update={"name": "what no model says", "expects": CALM.expects.model_copy(update={"at_most": -1})}
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    serving = Serving(tmp_path_factory.mktemp("releases"), patient(SPEC))
    serving.fill_online_store()
    serving.start()
    yield serving
    serving.server.close()
    serving.stop()


def with_spec(serving: Serving, **changes: object) -> Serving:
    other = copy.copy(serving)
    other.spec = serving.spec.model_copy(update=changes)
    return other


def tried(serving: Serving, ref: ReleaseRef) -> dict:
    aside = serving.settings.staging / "private"
    return predeployment.verify(serving.spec, ref, serving.server, serving.kserve, serving.write_model, aside)


def test_a_release_names_everything_it_was_made_of(running: Serving) -> None:
    ref = with_spec(running, packaging=Packaging(target="container")).release(1)
    directory = Path(ref.path)
    facts = release.manifest(directory)
    assert {"model.onnx", "schema.json", "interface.json", "native/config.pbtxt", "native/1/model.onnx"} <= set(
        facts["files"]
    )
    release.verify(directory)
    expected = trained(1).predict(requests_frame(500, 99))
    assert facts["fallback_scores"] == pytest.approx([expected.mean()], abs=1e-6)
    assert all(len(digest) == 64 for digest in (facts["code_hash"], facts["hashes"]["dataset"]))
    seen = {one["name"]: one for one in json.loads((directory / "schema.json").read_text())["inputs"]}
    assert (seen["distance"]["minimum"] >= 100, seen["distance"]["maximum"] <= 2600) == (True, True)
    assert seen["carrier"]["categories"] == ["AA", "B6", "UA"]
    assert "categories" not in seen["tailnum"]  # personal
    config = text_format.Parse((directory / "native" / "config.pbtxt").read_text(), ModelConfig())
    assert list(config.input[0].dims) == [len(SPEC.features)]
    (directory / "native" / "1" / "model.onnx").write_bytes(b"changed")
    with pytest.raises(DeploymentError, match="was changed after packaging"):
        release.verify(directory)


def test_every_check_is_made_and_kept_beside_the_release(running: Serving) -> None:
    serving = with_spec(running, user_acceptance=[ANY_ANSWER])
    ref = serving.release(2)
    report = tried(serving, ref)
    kept = json.loads((Path(ref.path) / predeployment.REPORT).read_text())
    assert kept["checks"] == report["checks"]
    checks = {check["gate"]: check for check in kept["checks"]}
    assert {check["passed"] for check in checks.values()} == {True}
    assert {"parity", "p99", "memory", "bad_request:65 rows", "user_acceptance:any probability is agreed"} <= set(
        checks
    )
    assert {f"interface:{what}:{how}" for what in ("metadata", "examples") for how in ("grpc", "rest")} <= set(checks)
    for how in ("missing", "left out"):
        told = checks[f"bad_request:distance {how}"]["detail"]
        assert told.endswith("request field 'distance' is missing: the fields that may be missing are ['tailnum']")
    assert checks["bad_request:event_timestamp in milliseconds"]["detail"].endswith("is it in milliseconds?")
    assert checks["answered"]["detail"].startswith("100.00% of 200 real events were answered")
    assert 20 < report["memory_mb"]["loaded"] <= report["memory_mb"]["after"] * 1.5
    assert not [p for p in serving.settings.triton_repository.iterdir() if "--" in p.name]


@pytest.mark.parametrize(("policy", "said"), [("reject", "refused: "), ("fall_back", "answered with scores")])
def test_an_unknown_entity_is_treated_as_the_views_say(running: Serving, policy: str, said: str) -> None:
    views = {n: v.model_copy(update={"when_missing": policy}) for n, v in SPEC.feature_views.items()}
    serving = with_spec(running, feature_views=views)
    report = tried(serving, serving.release(2))
    (found,) = (check for check in report["checks"] if check["gate"] == "bad_request:unknown entity")
    assert found["detail"].startswith(said)


def test_what_users_did_not_agree_to_gets_no_traffic_and_is_told_with_its_figures(running: Serving) -> None:
    serving = with_spec(running, user_acceptance=[ANY_ANSWER, NEVER], packaging=Packaging(max_memory_mb=1))
    ref = serving.release(2)
    said = r"gets no traffic: memory: .* MB, allowed 1 MB|user_acceptance:what no model says: the answer is"
    with pytest.raises(DeploymentError, match=said) as refused:
        tried(serving, ref)
    assert "the spec expects at most -1" in str(refused.value)
    kept = json.loads((Path(ref.path) / predeployment.REPORT).read_text())
    failed = [check["gate"] for check in kept["checks"] if not check["passed"]]
    assert failed == ["user_acceptance:what no model says", "memory"]
    assert not kept["passed"]


def test_a_server_that_speaks_another_interface_is_found_out(running: Serving) -> None:
    ref = running.release(2)
    directory = Path(ref.path)
    contract = json.loads((directory / "interface.json").read_text())
    agreed = contract["components"]["schemas"]["Metadata"]["properties"]["inputs"]["const"]
    next(tensor for tensor in agreed if tensor["name"] == "distance")["datatype"] = "INT64"
    (directory / "interface.json").write_text(json.dumps(contract))
    running.seal_again(ref)
    with pytest.raises(DeploymentError, match=r"interface:metadata:rest: inputs: .*'INT64'.*the server has"):
        tried(running, ref)


def test_the_examples_of_the_contract_are_answered_under_the_stable_name(running: Serving) -> None:
    ref = with_spec(running, user_acceptance=[CALM, STORM]).release(1)
    running.install()
    running.serve(ref.name)
    contract = release.document(Path(ref.path), "interface.json")
    content = contract["paths"][f"/v2/models/{SPEC.name}/infer"]["post"]["requestBody"]["content"]
    for example in content["application/json"]["examples"].values():
        answers = [running.kserve.ask(SPEC.name, example["value"], protocol) for protocol in ("rest", "grpc")]
        probabilities = [next(o["data"] for o in a["outputs"] if o["name"] == "probability") for a in answers]
        np.testing.assert_allclose(*probabilities, atol=1e-6)
    with pytest.raises(ServiceError, match="status 400"):
        running.kserve.ask(SPEC.name, {"inputs": []}, "rest")


def test_the_packaged_graph_answers_as_the_trained_model(running: Serving) -> None:
    ref = with_spec(running, packaging=Packaging(quantise="auto")).release(1)
    report = release.document(Path(ref.path), "report.json")
    assert [one["form"] for one in report["tried"]] == ["as trained", "optimised", "quantised"]
    assert "nothing to quantise: its operators are" in report["tried"][-1]["refused"]
    rows = requests_frame(100, seed=3)
    np.testing.assert_allclose(scoring.scores(Path(ref.path), rows), trained(1).predict(rows), atol=1e-5)
