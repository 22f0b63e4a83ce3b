"""The walk over what a use case stores: every file once, no link followed, and nothing stops it."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.contracts.costs import StoredBytes
from include.services import storage_sizes
from include.settings import Settings
from include.specification.loader import load_usecase

SPEC, AT = load_usecase("flight_delay"), datetime(2026, 1, 2, tzinfo=UTC)


def written(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def measured(settings: Settings) -> dict[str, StoredBytes]:
    return {one.place: one for one in storage_sizes.measured(SPEC, settings, AT)}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_every_file_below_a_place_counts_and_a_link_does_not(settings: Settings) -> None:
    lake = settings.lake / SPEC.name
    far = written(settings.home / "far" / "large.parquet", 10_000)
    written(lake / "events" / "_delta_log" / "0.json", 20)
    written(lake / "events" / "a.parquet", 300)
    (lake / "events" / "link.parquet").symlink_to(far)
    (lake / "linked").symlink_to(far.parent)
    (lake / "loop").symlink_to(lake)
    found = measured(settings)["lake"]
    assert (found.size_bytes, found.files) == (320, 2)


def test_only_places_that_are_there_and_have_files_are_measured(settings: Settings) -> None:
    assert measured(settings) == {}
    (settings.releases / SPEC.name / "r0001").mkdir(parents=True)
    written(settings.releases / "another" / "r0001" / "release.json", 5)
    written(settings.home / "mlflow" / "mlflow.db", 7)
    assert {place: one.size_bytes for place, one in measured(settings).items()} == {storage_sizes.SHARED: 7}


def test_a_file_that_goes_away_meanwhile_is_left_out(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lake's files are deleted by another task while this one walks."""
    kept = written(settings.lake / SPEC.name / "events" / "b.parquet", 30)
    gone = written(settings.lake / SPEC.name / "gone" / "a.parquet", 300)
    scan = os.scandir

    def scanned(directory: Path) -> list[os.DirEntry[str]]:
        entries = list(scan(directory))
        if any(entry.name == gone.name for entry in entries):
            gone.unlink()
        return entries

    monkeypatch.setattr(storage_sizes.os, "scandir", scanned)  # type: ignore[attr-defined]
    assert measured(settings)["lake"].size_bytes == kept.stat().st_size
