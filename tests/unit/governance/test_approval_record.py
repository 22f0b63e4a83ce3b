"""The record of approvals is a chain of signed entries: what was changed, moved or copied from elsewhere is noticed."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.adapters.signatures import StateRootSignatures, new_signing_key, publish_signing_key
from include.contracts.approval import RecordedApproval
from include.errors import DeploymentError, SettingsError
from include.governance import approval_record

KEY, OTHER = new_signing_key(), new_signing_key()
NOWHERE = Path("/nowhere")


def rows(count: int = 3, key: str = KEY, **changes: Any) -> list[RecordedApproval]:
    """So many approvals of version 5 of a use case."""
    signatures, made = StateRootSignatures(key, NOWHERE), list[RecordedApproval]()
    about = {"usecase": "u", "environment": "prod", "event": "approved", "version": 5, "artifact_hash": "a" * 64}
    for number in range(count):
        entry = {**about, "by": "ada", "reason": f"reason {number}", **changes}
        made.append(approval_record.following(made, signatures, **entry))
    return made


def read(table: list[RecordedApproval], key: str = KEY, usecase: str = "u", environment: str = "prod") -> list[str]:
    verifies = StateRootSignatures(key, NOWHERE).verifier()
    return [entry.reason for entry in approval_record.entries(table, usecase, environment, verifies)]


def test_what_was_signed_is_read_in_order() -> None:
    assert read(rows()) == ["reason 0", "reason 1", "reason 2"]
    assert read([]) == []


def test_an_entry_that_was_changed_after_it_was_signed_is_an_alarm() -> None:
    table = rows()
    table[1] = table[1].model_copy(update={"content": table[1].content.replace('"version":5', '"version":6')})
    with pytest.raises(DeploymentError, match="alarm: entry 2 of the record of approvals of u was altered or forged"):
        read(table)


def test_an_entry_that_another_state_root_signed_is_an_alarm() -> None:
    with pytest.raises(DeploymentError, match="no key of this state root signed it"):
        read([*rows(2), rows(3, key=OTHER)[2]])


@pytest.mark.parametrize("elsewhere", [{"usecase": "other"}, {"environment": "dev"}])
def test_an_entry_of_another_use_case_or_environment_cannot_be_replayed(elsewhere: dict[str, str]) -> None:
    with pytest.raises(DeploymentError, match="it was signed for"):
        read([*rows(2), rows(3, **elsewhere)[2]])


@pytest.mark.parametrize("order", [[0, 2], [0, 1, 1], [1, 0, 2], [1, 2], [0, 1, 2, 0]])
def test_an_entry_that_was_left_out_moved_or_repeated_is_an_alarm(order: list[int]) -> None:
    table = rows()
    with pytest.raises(DeploymentError, match="it does not follow the entry before it"):
        read([table[number] for number in order])


def test_a_process_without_the_private_key_reads_and_cannot_sign(tmp_path: Path) -> None:
    publish_signing_key(trusted := tmp_path / "approval.pub", KEY)
    reader = StateRootSignatures("", trusted)
    assert len(approval_record.entries(rows(), "u", "prod", reader.verifier())) == 3
    with pytest.raises(SettingsError, match="no key to sign approvals and releases with"):
        reader.sign("text")


def test_a_replaced_key_goes_on_to_verify_what_it_signed(tmp_path: Path) -> None:
    for key in (KEY, OTHER, KEY):
        publish_signing_key(trusted := tmp_path / "approval.pub", key)
    assert len(trusted.read_text().split()) == 2
    approval_record.entries(rows(), "u", "prod", StateRootSignatures(OTHER, trusted).verifier())


def test_a_key_that_is_none_is_named() -> None:
    with pytest.raises(SettingsError, match=r"keys/approval.key below the state root, is not an Ed25519 private key"):
        StateRootSignatures("bm8ga2V5", NOWHERE).sign("text")


def test_an_entry_is_never_older_than_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    before = rows()
    set_back = SimpleNamespace(now=lambda zone: before[-1].at - timedelta(days=1))
    monkeypatch.setattr(approval_record, "datetime", set_back)
    entry = {"usecase": "u", "environment": "prod", "event": "approved", "version": 5, "artifact_hash": "a" * 64}
    signed = approval_record.following(
        before, StateRootSignatures(KEY, NOWHERE), **entry, by="ada", reason="the clock was set back"
    )
    assert signed.at == before[-1].at
    assert read([*before, signed])[-1] == "the clock was set back"
