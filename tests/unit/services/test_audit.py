"""Predictions in the audit log: each row of the lake has its leaf, through erasure and rotation of keys."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from include.adapters.audit_log import FileAuditLog, verify_audit
from include.adapters.signatures import new_signing_key, publish_signing_key
from include.contracts.pseudonyms import KeyRing
from include.deployment import release
from include.errors import NotFoundError
from include.formats.row_bytes import readable
from include.loop import monitoring
from include.services.composition import Services
from include.services.prediction_leaves import PredictionLeaves
from tests.unit.fakes.adapters import services_in
from tests.unit.fakes.approvals import approve
from tests.unit.fakes.serving import MemoryLog
from tests.unit.loop.loop_worlds import SPEC

RING = KeyRing.parse("k01:" + "a" * 20 + ",k02:" + "b" * 20)
OLD = RING.until("k01")
PLANES = [OLD.token(plane) for plane in ("N1", "N2", "N1")]


def logged(*requests: str) -> pd.DataFrame:
    at, many = pd.Timestamp("2013-04-15 10:00:00.000001", tz="UTC"), len(requests)
    return pd.DataFrame(
        {
            "request_id": list(requests), "logged_at": at, "release": "r0001", "probability": 0.25, "prediction": 1,
            "latency_ms": float("nan"), "missing": 0, "unavailable": 0, "scores": [[0.75, 0.25]] * many,
            SPEC.event.id: [f"f{r}" for r in requests], SPEC.event.time: at, "tailnum": PLANES[:many],
        }
    )  # fmt: skip


@pytest.fixture
def services(tmp_path: Path) -> Services:
    private = new_signing_key()
    publish_signing_key(tmp_path / "home" / "keys" / "approval.pub", private)
    made = services_in(tmp_path / "home", approval_key=private)
    adapters = made.adapters
    adapters.log = MemoryLog(logged("1", "2", "3"))  # type: ignore[attr-defined]
    keys: Any = adapters.audit_keys
    adapters.audit = FileAuditLog(
        made.settings.audit, adapters.locks, keys, adapters.signatures, made.settings.audit_checkpoints
    )
    assert monitoring.ship_predictions(SPEC, made) == 3
    return made


def faults(services: Services, erased: int = 0) -> list[str]:
    return services.audit.compare_rows(SPEC, "predictions", erased=erased).faults


def edit(services: Services, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    lake = services.adapters.lake
    rows = lake.read(SPEC.name, "predictions")
    after = type(rows).from_pandas(change(rows.to_pandas()), preserve_index=False).cast(rows.schema)
    lake.publish(SPEC.name, "predictions", after.drop_columns(["period"]), "2013-04")  # type: ignore[arg-type]


def test_every_row_has_its_leaf_and_one_that_was_changed_or_removed_is_named(services: Services) -> None:
    assert services.audit.compare_rows(SPEC, "predictions").rows == 3
    assert faults(services) == []
    edit(services, lambda rows: rows.assign(probability=[0.25, 0.2500001, 0.25]))
    assert any("request 2 was changed or added" in fault for fault in faults(services))
    edit(services, lambda rows: rows.assign(probability=0.25).iloc[1:])
    assert any("position 0" in fault for fault in faults(services))
    assert faults(services, erased=1) == []


def test_tokens_are_renewed_and_the_leaves_stay(services: Services) -> None:
    edit(services, lambda rows: rows.assign(tailnum=[RING.renew(token) for token in rows["tailnum"]]))
    assert len(faults(services)) == 5, "no key is known of the new tokens: three rows are unknown, three are gone"
    assert services.adapters.audit_keys.renew(SPEC.name, RING.renew) == 2
    assert faults(services) == []


def test_what_was_killed_before_it_was_logged_is_logged_once(services: Services) -> None:
    rows = services.adapters.lake.read(SPEC.name, "predictions")
    for file in services.settings.audit.iterdir():
        file.unlink()
    with services.audit.logging(SPEC, "predictions", rows.slice(0, 2)):
        pass
    for _ in range(2):
        with services.audit.logging(SPEC, "predictions", rows, again=True):
            pass
    assert [e.batch.size for e in services.audit.batches(SPEC, "predictions") if e.batch] == [2, 1]
    assert faults(services) == []


def test_a_prediction_is_proved_to_who_has_one_file_and_the_public_key(services: Services) -> None:
    with pytest.raises(NotFoundError, match="moebius audit checkpoint"):
        services.audit.prove(SPEC, "2")
    services.audit.checkpoint()
    proof = json.loads(json.dumps(services.audit.prove(SPEC, "2")))
    keys = verify_audit.Keys([services.settings.approval_public_keys])
    assert verify_audit.verify_proof(proof, keys) == []
    assert PLANES[1] not in json.dumps(proof), "the id of its key stands for the pseudonym"
    signed = proof["checkpoint"]
    forged: list[dict[str, Any]] = [
        {"row": {**proof["row"], "probability": 0.26}},
        {"place": {**proof["place"], "position": 0}},
        {"entry": proof["entry"].replace('"size":3', '"size":4')},
        {"checkpoint": {**signed, "content": signed["content"].replace('"size":1', '"size":2')}},
        {"key": "00" * 32},
        {"batch_path": proof["batch_path"][:-1]},
    ]
    for change in forged:
        assert verify_audit.verify_proof({**proof, **change}, keys), f"{sorted(change)} was forged"


def test_an_erased_person_cannot_be_found_and_the_tree_stands(services: Services) -> None:
    services.audit.checkpoint()
    assert services.adapters.audit_keys.erase(SPEC.name, PLANES[:1]) == 1
    edit(services, lambda rows: rows[rows["tailnum"] != PLANES[0]])
    assert faults(services, erased=2) == []
    verified = verify_audit.verify(services.settings.audit, verify_audit.Keys([services.settings.approval_public_keys]),
                                   services.settings.audit_checkpoints)  # fmt: skip
    assert verified[0] == []
    assert verified[2]["predictions"] == 3


def test_without_people_a_leaf_is_a_plain_hash_that_needs_no_key(services: Services) -> None:
    nobody = SPEC.model_copy(update={"privacy": type(SPEC.privacy)()})
    rows = services.adapters.lake.read(SPEC.name, "predictions")
    batch, leaves = PredictionLeaves(nobody, services.adapters.audit_keys).batch("predictions", rows)
    assert (batch.subject, batch.tokens) == ("", [])
    row = readable(rows.to_pylist()[1], batch.columns)
    assert leaves[32:64] == verify_audit.row_leaf(row, batch.columns, None)


def test_an_export_verifies_alone_and_a_flipped_byte_of_any_file_is_found(services: Services, tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    staged.mkdir()
    (staged / "model.onnx").write_bytes(b"a model")
    release.seal(staged, {"usecase": SPEC.name, "model_version": 7})
    services.adapters.releases.add(SPEC.name, staged, 7)
    approve(services, SPEC, 7)
    services.audit.checkpoint()
    away = services.audit.export(tmp_path / "away")
    keys = verify_audit.Keys([services.settings.approval_public_keys])

    def found() -> list[str]:
        outside = services.settings.audit_checkpoints
        return verify_audit.verify(away / "log", keys, outside, away / "approvals", away / "releases")[0]

    assert found() == []
    exported = [f for f in away.rglob("*") if f.is_file() and f.name not in ("verify_audit.py", "approval.pub")]
    assert {"model.onnx", ".model_version.good", f"{SPEC.name}.jsonl"} <= {file.name for file in exported}
    for file in exported:
        content = file.read_bytes()
        at = len(content) // 2
        file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert found(), file
        file.write_bytes(content)
