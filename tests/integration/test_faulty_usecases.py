"""A faulty use case among many, as Airflow and the Moebius page show it: a real API server on a copy of the project."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from include.demo.airflow_api import Airflow
from include.platform import airflow
from include.settings import ROOT
from tests.integration.airflow_fixtures import airflow_settings, api_server

pytestmark = pytest.mark.integration
UNFINISHED = shutil.ignore_patterns("*.pyc.*")  # what another process compiles now; the rest is compiled
COPIES = 3  # of flight_delay: with them there are more DAGs than Airflow gives at once


def project(root: Path) -> Path:
    """A copy of the project with some use cases more, and one whose spec and one whose module are faulty."""
    for folder in ("dags", "plugins", "include", "feature_repo", "great_expectations", "docker"):
        shutil.copytree(ROOT / folder, root / folder, ignore=UNFINISHED)
    usecases = root / "include/usecases"
    for number in range(COPIES):
        spec = usecases / f"copy_{number}" / "usecase.yaml"
        shutil.copytree(usecases / "flight_delay", spec.parent)
        spec.write_text(spec.read_text().replace("name: flight_delay\n", f"name: copy_{number}\n"))
    spec = usecases / "weather_forecast/usecase.yaml"
    spec.write_text(spec.read_text().replace("{hidden: 16", "{hiden: 16").replace("owner:", "ownr:"))
    features = usecases / "aircraft_segment/features.py"
    features.write_text(features.read_text().replace("def build(", "def biuld("))
    return root


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, httpx.Client], Airflow]]:
    settings = airflow_settings(tmp_path_factory.mktemp("faulty"))
    root = project(tmp_path_factory.mktemp("project"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(airflow, "ROOT", root)
        with api_server(settings, ["dags", "reserialize"]) as roles:
            demo = Airflow(settings, lambda run, tasks: None)
            yield roles, demo
            demo.close()


def test_it_is_among_the_import_errors_and_on_the_page_and_every_other_dag_is_there(
    clients: tuple[dict[str, httpx.Client], Airflow],
) -> None:
    roles, demo = clients
    errors = roles["admin"].get("/api/v2/importErrors").raise_for_status().json()["import_errors"]
    assert [error["filename"] for error in errors] == ["specifications.py"]
    page = roles["viewer"].get("/moebius/").raise_for_status().text
    for said in (
        "include/usecases/weather_forecast/usecase.yaml:",
        "&#39;hiden&#39; is not a parameter of torch_sequence; did you mean hidden? allowed: ",
        "&#39;ownr&#39; is not a key of the spec; did you mean owner? allowed: ",
        "include/usecases/aircraft_segment/features.py:1:",
        "did you mean biuld?",
    ):
        assert said in page
        assert said.replace("&#39;", "'") in errors[0]["stack_trace"]
    dags = demo.dags()
    assert len(dags) > 100
    assert {dag.partition(".")[0] for dag in dags} == {
        "flight_delay", "flight_arrivals", "digit_image", "aircraft_segment",
        *(f"copy_{number}" for number in range(COPIES)),
    }  # fmt: skip
