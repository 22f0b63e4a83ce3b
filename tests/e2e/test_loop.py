"""The whole loop at reduced size, and an operator at the data: a real Airflow with every service."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from include.contracts.period import Period
from include.data import ingestion, versioning
from include.demo.airflow_api import Airflow, RunFailedError, now
from include.platform.topology import instances
from include.services.composition import Services
from include.settings import Settings, load_settings
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.integration.pipeline_fixtures import free_ports

pytestmark = pytest.mark.e2e
PORTS = [name for name in Settings.model_fields if name.endswith("_port")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state root of its own, every service on a free port; everything is stopped at the end."""
    from include.platform.embedded import Platform

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOEBIUS_HOME", str(tmp_path_factory.mktemp("e2e") / "var"))
        for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True):
            patch.setenv(f"MOEBIUS_{name.upper()}", str(port))
        patch.setenv("PYTHONWARNINGS", "default")
        load_settings.cache_clear()
        platform = Platform(load_settings())
        try:
            yield load_settings().home
        finally:
            platform.down()
            left = [i.name for i in instances(platform.settings) if platform.supervisor.process(i.name)]
            load_settings.cache_clear()
    assert not left, f"still running after down: {left}"


@pytest.fixture(scope="module")
def airflow(home: Path) -> Iterator[Airflow]:
    one = Airflow(load_settings(), lambda run, tasks: None)
    yield one
    one.close()


def test_a_decayed_model_is_replaced_by_a_better_one(home: Path) -> None:
    from include.demo.play import play
    from include.demo.scenario import Script

    script = Script("flight_delay", sample=int(os.environ.get("MOEBIUS_E2E_SAMPLE", "8000")))
    with (home.parent / "demo.log").open("w") as log:
        summary = play(script, Console(file=log, width=160))
    assert json.loads((home / "demo" / "summary.json").read_text()) == summary

    first, *later = summary["verdicts"]
    assert first["champion"] is None
    retrained = later[-1]
    assert retrained["decision"] in ("promote", "canary")
    assert {c["name"] for c in retrained["cells"]} == {"A", "B", "C", "D"}
    assert retrained["differences"]["D-C roc_auc"]["low"] > 0

    served = {row["month"]: row for row in summary["months"] if row["served"]}
    last = max(served)
    replaced = next(row for row in summary["months"] if row["month"] == last and not row["served"])
    assert served[last]["release"] != replaced["release"]
    assert served[last]["value"] > replaced["value"], (
        "the retrained release must beat the decayed one on the same requests"
    )
    assert any(d["decision"] == "retrain" for d in summary["decisions"])
    assert summary["requests_during_swap"]["failed"] == 0
    assert summary["requests_during_swap"]["sent"] > 0


def test_what_features_start_beside_the_loop_succeeds_too(airflow: Airflow) -> None:
    """Catalog, privacy audit and stream reconciliation ran for every month."""
    for family in ("catalog", "privacy_audit", "stream_reconciliation"):
        runs = [airflow.wait(run) for run in airflow.runs(f"flight_delay.{family}")]
        assert len(runs) >= 3, family


def test_an_operator_drops_refused_rows_and_late_rows_run_a_month_again(airflow: Airflow) -> None:
    services, spec = Services(load_settings()), load_usecase("flight_delay")
    pipeline, period = "flight_delay.data_pipeline", Period("2013-09")
    landing = services.places.landing(spec)
    flights = ingestion.tables(spec, period, landing, services.adapters.connector)["flights"].to_pandas()
    early = flights[flights["time_hour"] < "2013-09-29T04:00Z"]
    delivered = landing / period / "flights.parquet"
    delivered.parent.mkdir(parents=True)
    pd.concat([early, early.head(5)]).to_parquet(delivered, index=False)
    with pytest.raises(RunFailedError, match="gate_raw"):
        airflow.wait(airflow.trigger(pipeline, {"period": period}))
    assert period not in services.records.published(spec)

    begun = now()
    form = {"period": period, "gate": "raw", "action": "drop", "reason": "delivered twice"}
    airflow.wait(airflow.trigger("flight_delay.quarantine", form))
    airflow.wait(airflow.wait_for(pipeline, after=begun))
    assert events_of(services, spec, period) == len(early), "one of each pair stays"

    delivered.unlink()  # the source itself has the whole month, and the next month looks back
    airflow.wait(airflow.trigger(pipeline, {"period": period.shift(1)}))
    again = [run for run in airflow.runs(pipeline) if run["dag_run_id"].startswith("late__")]
    assert {airflow.wait(run)["conf"]["period"] for run in again} == {period, period.shift(1)}
    assert events_of(services, spec, period) == len(flights)


def events_of(services: Services, spec: UseCase, period: Period) -> int:
    return versioning.snapshot(period, services.records.snapshots(spec)).tables["events"].rows
