"""The scrub proves every kind of stored file, records what it found, and names what is damaged."""

import zipfile
from pathlib import Path

import pytest

from include.adapters.lake import DeltaLake
from include.errors import DamagedFileError, ServiceError
from include.loop import scrub
from include.records.registry import SCRUBS
from include.services.composition import Services
from include.settings import Settings
from tests.unit.development.frames import build, flight_spec
from tests.unit.fakes.adapters import packaged, services_in

SPEC = flight_spec()


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """A dataset, a release and an edge bundle, and a lake on disk with the record of approvals."""
    made = services_in(tmp_path)
    made.adapters.lake = DeltaLake(made.settings.lake)
    build(made.places.datasets(SPEC))
    packaged(made, SPEC, 1)
    bundle = bundle_of(made.settings)
    bundle.parent.mkdir(parents=True)
    with zipfile.ZipFile(bundle, "w") as whole:
        whole.writestr("model.onnx", b"weights" * 50)
    return made


def bundle_of(settings: Settings) -> Path:
    return settings.edge_bundles / SPEC.name / "r0001.zip"


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)


def recorded(services: Services) -> dict[str, tuple[int, int]]:
    return {row.kind: (row.files, len(row.damaged)) for row in services.records.last_scrub(SPEC)}


def test_what_is_whole_is_counted(services: Services) -> None:
    counts = scrub.scrub(SPEC, services)
    assert counts.pop("lake") > 1
    assert counts == {"datasets": 3, "releases": 1, "models": 0, "exports": 0, "edge_bundles": 1}
    assert recorded(services)["datasets"] == (3, 0)


def test_every_damaged_file_is_named_and_recorded(services: Services) -> None:
    (train,) = services.places.datasets(SPEC).glob("*/train.parquet")
    release = services.settings.releases / SPEC.name / "r0001" / "baseline.json"
    for file in (train, release, bundle_of(services.settings)):
        flip(file)
    with pytest.raises(DamagedFileError, match="3 stored files are damaged") as error:
        scrub.scrub(SPEC, services)
    for file in (train, release, bundle_of(services.settings)):
        assert str(file) in str(error.value)
    found = {kind: damaged for kind, (_, damaged) in recorded(services).items()}
    assert found == {"lake": 0, "datasets": 1, "releases": 1, "models": 0, "exports": 0, "edge_bundles": 1}


def test_without_mlflow_the_rest_is_proved_and_a_retry_asked_for(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(usecase: str) -> list[int]:
        raise ServiceError("MLflow does not answer")

    monkeypatch.setattr(services.adapters.tracker, "versions", away)
    with pytest.raises(ServiceError, match="does not answer"):
        scrub.scrub(SPEC, services)
    assert "models" not in recorded(services)
    assert len(SCRUBS.read(SPEC.name, services.adapters.lake)) == len(scrub.KINDS) - 1
