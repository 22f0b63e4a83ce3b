"""The pages load no heavy library into Airflow's API server, and read MLflow all the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.adapters.experiment_reader import MlflowReader
from include.contracts.development import DatasetRef, PartRef
from include.contracts.period import Period
from include.errors import NotFoundError, ServiceError
from include.services.composition import Services
from include.settings import ROOT, Settings
from include.specification.loader import load_usecase
from tests.integration.ports import free_port

pytestmark = pytest.mark.integration
SPEC = load_usecase("flight_delay")
STANDARD = ["/standard/", "/standard/mapping", "/standard/pipelines", f"/standard/pipelines/{SPEC.name}"]
HEAVY = [
    "mlflow", "feast", "torch", "xgboost", "shap", "sklearn", "great_expectations", "ibis", "optuna", "onnx",
    "onnxruntime", "matplotlib", "dask", "scipy", "tritonclient", "fpdf", "openpyxl",
]  # fmt: skip
"""What takes a second or more to import, or starts threads and processes of its own."""

RENDER_ALL = """
import json, sys, time
from fastapi.testclient import TestClient
from include.services.composition import Services
from include.settings import load_settings
from include.ui.access import SIGNED_IN, Reader, reader_of
from include.ui.app import create_app
app = create_app()
app.dependency_overrides = {each.dependency: lambda: None for each in SIGNED_IN}
app.dependency_overrides[reader_of] = lambda: Reader(Services(load_settings()), "ada", "auditor")
client, seconds, statuses = TestClient(app), {}, {}
for path in json.loads(sys.argv[1]):
    begun = time.monotonic()
    statuses[path] = client.get(path).status_code
    seconds[path] = round(time.monotonic() - begun, 2)
loaded = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps({"statuses": statuses, "seconds": seconds, "loaded": loaded}))
"""


@pytest.fixture(scope="module")
def services(mlflow: Settings, tmp_path_factory: pytest.TempPathFactory) -> Services:
    """A registered version with a card, and a release of it that serves."""
    home = tmp_path_factory.mktemp("pages")
    services = Services(mlflow.model_copy(update={"home": home}))
    part = PartRef(path="/nowhere", rows=9, content_hash="0" * 64, periods=[Period("2013-01")])
    dataset = DatasetRef(
        usecase=SPEC.name, name="d", path="/nowhere", feature_service="s", label="late", train=part, validation=part,
        test=part, snapshots={},
    )  # fmt: skip
    services.adapters.tracker.log_training(
        SPEC.name, dataset, b"of the pages", {}, {}, {"model_card.html": "<p>naïve</p>"}
    )
    return services


def version(services: Services) -> int:
    return services.adapters.tracker.versions(SPEC.name)[-1]


@pytest.mark.full
def test_every_page_is_rendered_without_a_heavy_library(services: Services) -> None:
    card = f"/models/{SPEC.name}/{version(services)}"
    paths = [
        "/",
        f"/loops/{SPEC.name}",
        f"/rollouts/{SPEC.name}",
        *STANDARD,
        "/catalog/",
        "/audit/",
        card,
        f"{card}?alone=true",
        "/static/frame.js",
    ]
    paths += [f"/verdicts/{SPEC.name}", f"/versions/{SPEC.name}"]
    paths += [f"/monitoring/{SPEC.name}", f"/alerts/{SPEC.name}", "/alerts/", "/runbooks/MoebiusFeatureDrift"]
    paths += [f"/data/{SPEC.name}", f"/cost/{SPEC.name}", "/cost/"]
    paths += ["/standard/checklist", "/standard/checklist/1", "/standard/checklist/export/pdf"]
    paths += [f"/approvals/{SPEC.name}", f"/predictions/{SPEC.name}", "/compliance/", "/access/"]
    settings = services.settings
    surroundings = os.environ | {
        "MOEBIUS_HOME": str(settings.home),
        "MOEBIUS_MLFLOW_PORT": str(settings.mlflow_port),
        "MOEBIUS_MLFLOW_PASSWORD": settings.mlflow_password_text(),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", RENDER_ALL, json.dumps(paths)]
    ran = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, check=True)
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told["statuses"] == dict.fromkeys(paths, 200)
    assert not set(HEAVY) & set(told["loaded"]), told["seconds"]


def test_the_reader_gives_what_the_client_stored(services: Services) -> None:
    reader = services.adapters.experiment_reader
    assert reader.document(SPEC.name, version(services), "model_card.html") == "<p>naïve</p>"
    known = reader.registered(SPEC.name, version(services))
    assert known.tags["dataset"] == "d"
    assert "Dataset `d`" in known.description
    assert known.registered_at is not None
    assert reader.page(SPEC.name, 3) == f"{services.settings.mlflow_url}/#/models/{SPEC.name}/versions/3"


def test_what_the_reader_cannot_give_is_named(services: Services, tmp_path: Path) -> None:
    reader = services.adapters.experiment_reader
    with pytest.raises(NotFoundError, match="no version 999 of flight_delay"):
        reader.document(SPEC.name, 999, "model_card.html")
    with pytest.raises(NotFoundError, match=r"no nothing\.html of version"):
        reader.document(SPEC.name, version(services), "nothing.html")
    with pytest.raises(ServiceError, match="could not read version 1 of flight_delay"):
        MlflowReader(Settings(home=tmp_path, mlflow_port=free_port())).document(SPEC.name, 1, "model_card.html")
    stranger = services.settings.model_copy(update={"mlflow_user": "stranger"})
    with pytest.raises(ServiceError, match="401"):
        MlflowReader(stranger).document(SPEC.name, 1, "model_card.html")
