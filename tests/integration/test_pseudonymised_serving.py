"""Clients send the clear tail number; the model server looks up, answers and logs by the pseudonym of the lake."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pydantic import SecretStr

from include.contracts.pseudonyms import KeyRing
from include.errors import DeploymentError
from include.formats.atomic_file import write_atomically
from tests.integration.pipeline_fixtures import (
    Serving,
    bare_serving,
    entity_features,
    request_rows,
    requests_frame,
    wait_until,
)
from tests.integration.privacy_fixtures import BOTH, private_spec, services_at

pytestmark = pytest.mark.integration
__all__ = ["bare_serving"]


@pytest.fixture(scope="module")
def private_serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A running server that has two keys, the first of which is in use; planes are stored under their tokens."""
    serving = Serving(tmp_path_factory.mktemp("private"), private_spec(), BOTH)
    _store(serving, "k01")
    with serving.answering(serving.release(1).name):
        yield serving


def _store(serving: Serving, key: str) -> None:
    weather, planes = entity_features()
    serving.store.apply()
    serving.store.push("airport_weather", weather)
    serving.store.push("aircraft", planes.assign(tailnum=planes["tailnum"].map(_token(key))))
    write_atomically(serving.settings.home / "privacy" / serving.spec.name / "active_key", key)


def _token(key: str):
    return KeyRing.parse(BOTH).until(key).token


def _spooled(serving: Serving) -> str:
    files = sorted((serving.settings.prediction_spool / serving.spec.name).glob("*.jsonl"))  # a file each day
    return "".join(file.read_text() for file in files)


def test_answers_are_right_and_the_log_holds_tokens_only(private_serving: Serving) -> None:
    frame = requests_frame(40, seed=5)
    answers = private_serving.server.infer(private_serving.spec.name, request_rows(frame))
    expected = private_serving.models[answers[0]["release"]].predict(frame)
    np.testing.assert_allclose([a["probability"] for a in answers], expected, atol=1e-5)
    records = [json.loads(line) for line in _spooled(private_serving).splitlines()][-40:]
    assert [r["inputs"]["tailnum"] for r in records] == [_token("k01")(v) for v in frame["tailnum"]]
    assert all(r["missing"] == [] for r in records)
    assert not any(f'"{tail}"' in _spooled(private_serving) for tail in frame["tailnum"])


def test_the_server_and_the_pipeline_make_the_same_token(private_serving: Serving, tmp_path: Path) -> None:
    """Awkward values too: what ingestion stages is what the server logs."""
    tails = ["N14228", "", "Ünïcode 机", " padded ", "k01:" + "0" * 24]
    services = services_at(tmp_path, BOTH.split(",", maxsplit=1)[0])
    staged = services.privacy.treatment(private_serving.spec)("flights", pa.RecordBatch.from_pydict({"tailnum": tails}))
    row = request_rows(requests_frame(1))[0]
    private_serving.server.infer(private_serving.spec.name, [row | {"tailnum": tail} for tail in tails])
    records = [json.loads(line) for line in _spooled(private_serving).splitlines()][-len(tails) :]
    tokens = [token or None for token in staged["tailnum"].to_pylist()]  # an empty text is a missing one when served
    assert [r["inputs"]["tailnum"] for r in records] == tokens


def test_the_server_follows_a_rotation_without_a_restart(private_serving: Serving) -> None:
    row = request_rows(requests_frame(1))[0]
    _store(private_serving, "k02")

    def logged() -> str:
        private_serving.server.infer(private_serving.spec.name, [row])
        return json.loads(_spooled(private_serving).splitlines()[-1])["inputs"]["tailnum"]

    wait_until(lambda: logged() == _token("k02")(row["tailnum"]), what="the new key is in use")
    assert json.loads(_spooled(private_serving).splitlines()[-1])["missing"] == []


def test_without_keys_the_model_refuses_to_load_and_says_so(bare_serving: Serving) -> None:
    bare_serving.spec = private_spec()
    bare_serving.settings = bare_serving.settings.model_copy(update={"pseudonym_keys": SecretStr("")})
    bare_serving.store.apply()
    bare_serving.release(1)
    bare_serving.start()
    with pytest.raises(
        DeploymentError, match=r"\['tailnum'\] are personal, and the model server has no MOEBIUS_PSEUDONYM_KEYS"
    ):
        bare_serving.install()
