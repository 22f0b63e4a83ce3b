"""Releases on disk: a damaged one stops itself only, and its number is not given again."""

import base64
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from include.adapters.file_locks import FileLocks
from include.adapters.release_store import DirectoryReleases
from include.adapters.signatures import StateRootSignatures, new_signing_key
from include.contracts.deployment import ENVELOPE, TEST_REPORT
from include.deployment import release
from include.errors import DamagedReleaseError, DamagedStateError
from include.formats import signed_files
from include.formats.sealed_text import copy_of
from include.formats.signed_files import UnprovedError
from include.ports.signatures import Signature
from include.settings import load_settings
from tests.unit.fakes.damage import KINDS, MISSING, damage

KEY = load_settings().approval_key_text()
SIGNATURES = StateRootSignatures(KEY, Path("no public keys"))


@pytest.fixture
def store(tmp_path: Path) -> DirectoryReleases:
    made = DirectoryReleases(tmp_path, FileLocks(tmp_path), SIGNATURES)
    for version in (1, 2):
        packaged(made, tmp_path / "staged", version)
    return made


def packaged(store: DirectoryReleases, staged: Path, version: int) -> str:
    staged.mkdir()
    (staged / "model.onnx").write_bytes(b"model")
    release.seal(staged, {"usecase": "cats", "model_version": version})
    return store.add("cats", staged, version).name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["release.json", "model_version"])
def test_a_damaged_manifest_is_read_from_its_copy(
    store: DirectoryReleases, tmp_path: Path, name: str, kind: str
) -> None:
    before = store.all("cats")
    damage(tmp_path / "cats" / "r0001" / name, kind)
    assert store.all("cats") == before
    release.verify(tmp_path / "cats" / "r0001")
    assert store.verified("cats", "r0001") == before[0]  # what is read of it is as it was signed
    assert any(f"/{name} " in fault or fault.endswith(f"lacks {name}") for fault in store.faults("cats", "r0001"))
    assert packaged(store, tmp_path / "staged", 3) == "r0003"


def test_the_newest_is_the_last_that_is_whole_and_a_list_looks_at_each_once(
    store: DirectoryReleases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    monkeypatch.setattr(store, "_given", lambda usecase: looks.append(usecase) or ["r0001", "r0002"])
    assert [one.name for one in store.all("cats")] == ["r0001", "r0002"]
    assert looks == ["cats"]
    assert store.newest("cats") == store.get("cats", "r0002")
    for file in (tmp_path / "cats" / "r0002").glob("*release.json*"):
        file.write_text("{")
    assert store.newest("cats") == store.get("cats", "r0001")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != MISSING])
def test_without_a_copy_it_stops_itself_only(store: DirectoryReleases, tmp_path: Path, kind: str) -> None:
    manifest = tmp_path / "cats" / "r0001" / "release.json"
    copy_of(manifest).unlink()
    damage(manifest, kind)
    assert [one.name for one in store.all("cats")] == ["r0002"]
    with pytest.raises(DamagedStateError, match=r"r0001/release\.json is damaged"):
        store.get("cats", "r0001")
    with pytest.raises(DamagedReleaseError, match=r"r0001/release\.json is damaged"):
        release.manifest(manifest.parent)
    assert packaged(store, tmp_path / "staged", 3) == "r0003"


def files_of(directory: Path) -> list[Path]:
    return sorted(file for file in directory.rglob("*") if file.is_file())


def test_one_altered_byte_in_any_file_of_a_release_is_found_and_named(store: DirectoryReleases, tmp_path: Path) -> None:
    directory = tmp_path / "cats" / "r0001"
    (directory / TEST_REPORT).write_text('{"passed": true}')
    assert "tested.json has no signature" in store.faults("cats", "r0001")[0]
    store.sign_report("cats", "r0001")
    assert store.faults("cats", "r0001") == []
    files = files_of(directory)
    assert {file.name for file in files} >= {
        "model.onnx",
        "release.json",
        ".release.json.good",
        "model_version",
        ENVELOPE,
    }
    for file in files:
        content = file.read_bytes()
        for at in {0, len(content) // 2, len(content) - 1}:
            file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            assert any(str(file) in fault for fault in store.faults("cats", "r0001")), (file, at)
        file.write_bytes(content)
    assert store.faults("cats", "r0001") == []


def test_no_byte_of_an_envelope_can_be_another(store: DirectoryReleases, tmp_path: Path) -> None:
    text = (tmp_path / "cats" / "r0001" / ENVELOPE).read_text()
    verifier = SIGNATURES.verifier()
    verifies = lambda *signed: verifier(signed[0], Signature(*signed[1:]))  # noqa: E731
    assert signed_files.opened(text, verifies)
    for at in range(len(text)):
        with pytest.raises(UnprovedError):
            signed_files.opened(f"{text[:at]}{chr(ord(text[at]) ^ 1)}{text[at + 1 :]}", verifies)


def test_what_was_made_consistent_without_the_key_is_not_let_serve(store: DirectoryReleases, tmp_path: Path) -> None:
    directory = tmp_path / "cats" / "r0001"
    (directory / "model.onnx").write_bytes(b"other")
    release.seal(directory, {"usecase": "cats", "model_version": 1})
    release.verify(directory)
    with pytest.raises(DamagedReleaseError, match=r"r0001/model\.onnx was changed after packaging"):
        store.verified("cats", "r0001")
    stranger = StateRootSignatures(new_signing_key(), Path("no public keys"))
    DirectoryReleases(tmp_path, FileLocks(tmp_path), stranger).sign("cats", "r0001", "forged")
    with pytest.raises(DamagedReleaseError, match=r"release\.dsse\.json proves nothing: no key of this state root"):
        store.verified("cats", "r0001")


def test_a_signature_is_of_one_release_under_its_name_and_of_all_its_files(
    store: DirectoryReleases, tmp_path: Path
) -> None:
    first, second = tmp_path / "cats" / "r0001", tmp_path / "cats" / "r0002"
    (first / "request.py").write_text("def on_request(fields): ...")
    with pytest.raises(DamagedReleaseError, match=r"r0001/request\.py was added after packaging"):
        store.verified("cats", "r0001")
    with pytest.raises(DamagedReleaseError, match=r"r0001/request\.py was added after packaging"):
        release.verify(first)
    shutil.rmtree(first)
    second.rename(first)
    with pytest.raises(DamagedReleaseError, match="is about cats/r0002, not about cats/r0001"):
        store.verified("cats", "r0001")
    (first / ENVELOPE).unlink()
    with pytest.raises(DamagedReleaseError, match="moebius release sign cats r0001"):
        store.verified("cats", "r0001")
    store.sign("cats", "r0001", "packaged by an earlier version")
    assert store.verified("cats", "r0001").name == "r0001"


def test_the_envelope_is_what_openssf_model_signing_reads(store: DirectoryReleases, tmp_path: Path) -> None:
    said = json.loads((tmp_path / "cats" / "r0001" / ENVELOPE).read_text())
    payload = base64.b64decode(said["payload"])
    public = Ed25519PrivateKey.from_private_bytes(base64.b64decode(KEY)).public_key()
    kind = said["payloadType"].encode()
    encoded = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    public.verify(base64.b64decode(said["signatures"][0]["sig"]), encoded)
    known = json.loads(payload)
    assert (known["_type"], known["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://model_signing/signature/v1.0",
    )
    resources = known["predicate"]["resources"]
    assert [one["name"] for one in resources] == sorted(one["name"] for one in resources)
    hasher = hashlib.sha256()
    for one in resources:
        assert one["digest"] == hashlib.sha256((tmp_path / "cats" / "r0001" / one["name"]).read_bytes()).hexdigest()
        hasher.update(bytes.fromhex(one["digest"]))
    assert known["subject"] == [{"name": "cats/r0001", "digest": {"sha256": hasher.hexdigest()}}]
    assert known["predicate"]["serialization"]["ignore_paths"] == [ENVELOPE, TEST_REPORT, "tested.dsse.json"]
