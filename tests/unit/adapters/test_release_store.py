"""Releases on disk: a damaged one stops itself only, and its number is not given again."""

from pathlib import Path

import pytest

from include.adapters.file_locks import FileLocks
from include.adapters.release_store import DirectoryReleases
from include.deployment import release
from include.errors import DamagedReleaseError, DamagedStateError
from include.formats.sealed_text import copy_of
from tests.unit.fakes.damage import KINDS, MISSING, damage


@pytest.fixture
def store(tmp_path: Path) -> DirectoryReleases:
    made = DirectoryReleases(tmp_path, FileLocks(tmp_path))
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
    assert packaged(store, tmp_path / "staged", 3) == "r0003"


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
