"""Deletions and rotations: what they refuse, and that a killed one is finished by the next."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.contracts.pseudonyms import KeyRing, reference
from include.errors import ConflictError, NotFoundError, PrivacyError, SettingsError, SpecError
from include.governance.online_copies import OnlineCopies
from include.governance.traces import Finding
from include.loop import key_rotation, privacy_audit, subject_deletion
from include.services.composition import Services
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import APRIL

KEYS, NEXT = "k01:" + "a" * 20, "k02:" + "b" * 20


def personal() -> UseCase:
    content = load_usecase("flight_delay").model_dump(by_alias=True)
    content["privacy"] |= {
        "subject": "aircraft",
        "columns": {"tailnum": {"class": "personal", "treatment": "pseudonymise"}},
    }
    return UseCase.model_validate(content)


SPEC = personal()
MINE, OTHER = (KeyRing.parse(KEYS).token(tail) for tail in ("N1", "N2"))


class Online:
    """An online store with one entity per token."""

    def __init__(self, *tokens: str) -> None:
        self.keys = [token.encode() for token in tokens]

    def texts(self) -> list[bytes]:
        return self.keys

    def copy(self, edit: Any) -> int:
        new = [edit(key) for key in self.keys if edit(key) != key]
        self.keys += [key for key in new if key not in self.keys]
        return len(new)

    def delete(self, edit: Any) -> int:
        kept = [key for key in self.keys if edit(key) == key]
        gone, self.keys = len(self.keys) - len(kept), kept
        return gone


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = services_in(tmp_path, {"pseudonym_keys": KEYS})
    rows = pa.table({"tailnum": [MINE, OTHER, MINE], "flight": ["1", "2", "3"]})
    made.adapters.lake.publish(SPEC.name, "events", rows, APRIL)
    online = Online(MINE, OTHER)
    made.adapters.online_copies = lambda spec: OnlineCopies({"feature_store/online": online}, [], None)  # type: ignore[method-assign]
    made.privacy.active_keys(SPEC)
    return made


def delete(services: Services, subject: str = reference(MINE), spec: UseCase = SPEC) -> dict[str, int]:
    return subject_deletion.delete(spec, services, subject, "they asked", "ada")


def test_a_use_case_without_subjects_a_missing_key_and_another_key_are_refused(
    tmp_path: Path, services: Services
) -> None:
    nobody = SPEC.model_copy(update={"privacy": SPEC.privacy.model_copy(update={"subject": None})})
    with pytest.raises(SpecError, match="no subject to delete"):
        delete(services, spec=nobody)
    with pytest.raises(SettingsError, match="no pseudonym keys"):
        delete(services_in(tmp_path / "bare"))
    with pytest.raises(SettingsError, match="the reference is of key k02"):
        delete(services, reference(KeyRing.parse(NEXT).token("N1")))
    assert services.records.privacy(SPEC).erased() == {}


def test_a_subject_that_nobody_knows_is_said_to_be_unknown_and_not_recorded_as_erased(services: Services) -> None:
    stranger = reference(KeyRing.parse(KEYS).token("N9"))
    with pytest.raises(NotFoundError, match=rf"names the subject {stranger}; searched were the lake .*streams"):
        delete(services, stranger)
    state = services.records.privacy(SPEC)
    assert (state.erased(), state.sought(stranger)) == ({}, set())
    assert not services.adapters.lake.exists(SPEC.name, "privacy_records")
    assert not list(services.settings.home.rglob("erasing-*"))


def test_two_at_once_are_refused(services: Services) -> None:
    with services.records.privacy(SPEC).alone(), pytest.raises(ConflictError):
        delete(services)


def test_a_deletion_that_was_killed_remembers_what_it_looks_for(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("include.services.rewriting.Rewriting.rewrite", killed)
    with pytest.raises(KeyboardInterrupt):
        delete(services)
    state = services.records.privacy(SPEC)
    assert state.sought(reference(MINE)) == {MINE}
    assert list(state.erased()) == [reference(MINE)], "ingestion leaves the subject out from now on"
    monkeypatch.setattr("include.services.rewriting.Rewriting.rewrite", lambda *_: [])
    assert delete(services)["feature_store/online"] == 1
    assert state.sought(reference(MINE)) == set()
    assert [row["kind"] for row in services.adapters.lake.read(SPEC.name, "privacy_records").to_pylist()] == ["erasure"]


def test_what_is_left_fails_the_deletion_with_its_place(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.services.rewriting.Rewriting.rewrite", lambda *_: [])
    (services.settings.home / "notes").mkdir(parents=True)
    (services.settings.home / "notes" / "mail.txt").write_text(f"about {MINE}")
    with pytest.raises(PrivacyError, match=r"notes/mail\.txt"):
        delete(services)
    assert services.records.privacy(SPEC).sought(reference(MINE)) == {MINE}, "a repetition goes on"


def test_a_rotation_needs_keys_and_notes_the_new_one_before_it_rewrites(
    tmp_path: Path, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="nothing to rotate"):
        key_rotation.rotate(SPEC, services_in(tmp_path / "bare"), "ada")
    services.vault = lambda name: f"{KEYS},{NEXT}" if name == "pseudonym_keys" else ""
    services.privacy.__dict__.pop("keys", None)
    monkeypatch.setattr("include.services.rewriting.Rewriting.rewrite", lambda *_: [])
    key_rotation.rotate(SPEC, services, "ada")
    assert services.records.privacy(SPEC).active_key() == "k02"
    (stores,) = services.adapters.online_copies(SPEC).stores.values()
    assert all(key.startswith(b"k02:") for key in stores.texts())
    (row,) = services.adapters.lake.read(SPEC.name, "privacy_records").to_pylist()
    assert (row["kind"], row["place"]) == ("rotation", "feature_store/online")


def test_an_audit_of_a_use_case_without_personal_columns_searches_nothing(tmp_path: Path) -> None:
    plain = SPEC.model_copy(update={"privacy": SPEC.privacy.model_copy(update={"columns": {}})})
    counts = privacy_audit.audit(plain, services_in(tmp_path), APRIL)
    assert counts == {"values": 0, "short": 0, "findings": 0}


def test_an_audit_records_every_finding_and_fails_with_places_but_no_value(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = services.settings.home
    monkeypatch.setattr(privacy_audit, "clear_values", lambda *_: {"N1234567"})
    monkeypatch.setattr(privacy_audit, "search", lambda *_: [Finding(home / "lake" / "u" / "t" / "x", "tailnum", 3)])
    with pytest.raises(PrivacyError, match="lake/u/t, tailnum: 3 values") as raised:
        privacy_audit.audit(SPEC, services, APRIL)
    assert "N1234567" not in str(raised.value)
    (row,) = services.adapters.lake.read(SPEC.name, "privacy_audits").to_pylist()
    assert (row["place"], row["column"], row["values"]) == ("lake/u/t", "tailnum", 3)
