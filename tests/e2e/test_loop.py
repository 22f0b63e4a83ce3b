"""The whole loop at reduced size, and an operator at the data: a real Airflow with every service."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from socket import SOCK_DGRAM
from stat import S_ISLNK
from typing import Any

import pandas as pd
import psutil
import pytest
from rich.console import Console

from include.contracts.period import Period, range_text
from include.data import ingestion, versioning
from include.demo.airflow_api import Airflow, RunFailedError, now
from include.gateway import clients
from include.platform import airflow as airflow_logins
from include.platform import secrets
from include.platform.topology import instances
from include.services.composition import Services
from include.settings import Settings, load_settings
from include.specification.loader import load_usecase, usecase_names
from include.specification.usecase import UseCase
from tests import living
from tests.integration.ports import free_ports

pytestmark = pytest.mark.e2e
PORTS = [name for name in Settings.model_fields if name.endswith("_port")]
NAME = "O'é b#c%20d[x] (2)&;,carrier=X+@~{y}"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state root of its own with a name that URIs and patterns would misread, every service on a free port."""
    from include.platform.embedded import Platform

    with pytest.MonkeyPatch.context() as patch:
        (named := tmp_path_factory.mktemp("e2e") / NAME).mkdir()
        patch.setenv("MOEBIUS_HOME", str(named / "var"))
        for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True):
            patch.setenv(f"MOEBIUS_{name.upper()}", str(port))
        patch.setenv("PYTHONWARNINGS", "default")
        load_settings.cache_clear()
        platform = Platform(load_settings())
        mask = os.umask(0o077)  # as the command line does
        try:
            yield load_settings().home
        finally:
            os.umask(mask)
            platform.down()
            left = [i.name for i in instances(platform.settings) if platform.supervisor.process(i.name)]
            load_settings.cache_clear()
    assert not left, f"still running after down: {left}"


@pytest.fixture(scope="module")
def airflow(home: Path) -> Iterator[Airflow]:
    one = Airflow(load_settings(), lambda run, tasks: None)
    yield one
    one.close()


def played(home: Path, last: str | None) -> dict[str, Any]:
    """The summary of the demo, played until this month; None: until a retrained release was monitored."""
    from include.demo.play import play
    from include.demo.scenario import Script

    with (home.parent / "demo.log").open("a") as log:
        summary = play(Script("flight_delay", last=Period(last) if last else None), Console(file=log, width=160))
    assert json.loads((home / "demo" / "summary.json").read_text()) == summary
    return summary


def test_the_loop_goes_from_the_first_data_to_a_monitored_release_and_the_four_comparisons_of_a_retrain(
    home: Path,
) -> None:
    """A model that learned three winter months is released, asked about April, and retrained after it."""
    summary = played(home, "2013-04")
    first, *later = summary["verdicts"]
    assert (first["champion"], first["decision"] in ("promote", "canary")) == (None, True)
    served = [row for row in summary["periods"] if row["served"]]
    assert {(row["period"], row["release"]) for row in served} == {("2013-04", "r0001")}
    assert max(row["n"] for row in served) > 3800, "of 4000 requests nearly all have a truth"
    assert any(decision["decision"] == "retrain" for decision in summary["decisions"])
    assert {c["name"] for c in later[-1]["cells"]} == {"A", "B", "C", "D"}
    assert "D-C roc_auc" in later[-1]["differences"]


@pytest.mark.full
def test_a_decayed_model_is_replaced_by_a_better_one(home: Path) -> None:
    summary = played(home, None)
    first, *later = summary["verdicts"]
    assert first["champion"] is None
    retrained = later[-1]
    assert retrained["decision"] in ("promote", "canary")
    assert {c["name"] for c in retrained["cells"]} == {"A", "B", "C", "D"}
    assert retrained["differences"]["D-C roc_auc"]["low"] > 0

    served = {row["period"]: row for row in summary["periods"] if row["served"]}
    last = max(served)
    replaced = next(row for row in summary["periods"] if row["period"] == last and not row["served"])
    assert served[last]["release"] != replaced["release"]
    gain = summary["gain_over_replaced"]
    assert gain["period"] == last
    assert gain["value"] == pytest.approx(served[last]["value"] - replaced["value"])
    assert gain["high"] > 0, "on the same requests the retrained release must not be surely worse than the decayed one"
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
    pipeline, period = "flight_delay.data_pipeline", services.records.published(spec)[-1]
    before, end = events_of(services, spec, period), spec.calendar.end(period)
    landing = services.places.landing(spec)
    flights = ingestion.tables(spec, period, landing, services.adapters.connector)["flights"].to_pandas()
    early = flights[pd.to_datetime(flights["time_hour"], utc=True) < end - timedelta(hours=40)]
    delivered = landing / period / "flights.parquet"
    delivered.parent.mkdir(parents=True)
    pd.concat([early, early.head(5)]).to_parquet(delivered, index=False)
    with pytest.raises(RunFailedError, match="gate_raw"):
        airflow.wait(airflow.trigger(pipeline, {"period": period}))
    assert events_of(services, spec, period) == before, "what was published stays"

    begun = now()
    form = {"period": period, "gate": "raw", "action": "drop", "reason": "delivered twice"}
    airflow.wait(airflow.trigger("flight_delay.quarantine", form))
    airflow.wait(airflow.wait_for(pipeline, after=begun))
    assert events_of(services, spec, period) == len(early), "one of each pair stays"

    delivered.unlink()  # the source itself has the whole month, and the next month looks back
    airflow.wait(airflow.trigger(pipeline, {"period": period.shift(1)}))
    again = [run for run in airflow.runs(pipeline) if run["dag_run_id"].startswith("late__")]
    assert {airflow.wait(run)["conf"]["period"] for run in again} == {range_text([period, period.shift(1)])}
    assert events_of(services, spec, period) == len(flights)


def events_of(services: Services, spec: UseCase, period: Period) -> int:
    return versioning.snapshot(period, services.records.snapshots(spec)).tables["events"].rows


@pytest.fixture(scope="module")
def everything(home: Path) -> dict[str, list[psutil.Process]]:
    """Each service to its processes, after the loop was played: the gateway, its facade and a server behind it too."""
    from include.platform.embedded import Platform

    clients.add(load_settings().gateway_clients, "shop", {}, usecase_names())
    platform = Platform(load_settings())
    platform.up(lambda line: None)
    services = [i for i in instances(platform.settings) if not i.declared.ends]
    return {i.name: platform.supervisor._members(i.name) for i in services}


def test_no_process_listens_beyond_loopback(everything: dict[str, list[psutil.Process]]) -> None:
    listening = {
        (name, port)
        for name, processes in everything.items()
        for process in processes
        for port in sockets(process)
    }  # fmt: skip
    assert {"redis", "mlflow", "triton", "exporter", "consumer", "prometheus", "airflow-api", "facade", "gateway"} <= {
        name for name, _ in listening
    }
    beyond = [(name, at) for name, at in listening if not ip_address(at.ip.removeprefix("::ffff:")).is_loopback]
    assert not beyond


def sockets(process: psutil.Process) -> list[Any]:
    """Local addresses where it listens; UDP sockets count as soon as they are bound."""
    try:
        open_ones = process.net_connections("inet")
    except psutil.NoSuchProcess:
        return []
    return [c.laddr for c in open_ones if c.laddr and (c.status == psutil.CONN_LISTEN or c.type == SOCK_DGRAM)]


def test_all_state_is_readable_by_its_owner_only(home: Path, everything: dict[str, list[psutil.Process]]) -> None:
    # where a directory is gone by now `rglob` would raise
    below = (Path(place, name) for place, rooms, files in os.walk(home) for name in (*rooms, *files))
    modes = {path: mode for path in (home, *below) if (mode := mode_of(path)) is not None}
    assert len(modes) > 1000
    assert not [f"{oct(mode)} {path}" for path, mode in modes.items() if not S_ISLNK(mode) and mode & 0o077]


def mode_of(path: Path) -> int | None:
    """None of a file that is gone by now: the platform runs, and renames what it has written."""
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return None


def test_a_process_holds_the_secrets_that_it_needs_and_no_others(
    everything: dict[str, list[psutil.Process]],
) -> None:
    """In its environment as the kernel shows it, and on its command line none at all."""
    settings = load_settings()
    values = set(secrets.environment(settings, secrets.NAMES).values())
    values |= set(airflow_logins.logins(settings).values()) - {"moebius"}
    assert len(values) >= 8
    for instance in instances(settings):
        needed = set(secrets.environment(settings, instance.declared.secrets).values())
        for process in everything.get(instance.name, []):
            held = " ".join(living.environment(process).values())
            assert not {value for value in values - needed if value in held}, instance.name
            line = " ".join(living.command_line(process))
            assert not {value for value in values if value in line}, instance.name


def test_one_service_restarts_alone(everything: dict[str, list[psutil.Process]]) -> None:
    from include.platform.embedded import Platform

    platform = Platform(load_settings())
    before = {i.name: platform.supervisor.process(i.name) for i in instances(platform.settings)}
    assert platform.down("airflow-scheduler") == ["airflow-scheduler"]
    said: list[str] = []
    platform.up(said.append)
    assert {line.split()[1] for line in said if line.startswith("starting")} == {"airflow-scheduler"}
    assert {line for line in said if line.endswith("runs already")} == {
        f"{name} runs already" for name, process in before.items() if process and name != "airflow-scheduler"
    }
    after = {i.name: platform.supervisor.process(i.name) for i in instances(platform.settings)}
    assert [name for name in before if before[name] != after[name]] == ["airflow-scheduler"]


def test_twenty_triggers_at_once_are_twenty_runs(airflow: Airflow, everything: dict[str, list[psutil.Process]]) -> None:
    dag = "flight_delay.catalog"
    with ThreadPoolExecutor(20) as pool:
        started = [run["dag_run_id"] for run in pool.map(lambda _: airflow.trigger(dag), range(20))]
    known = {run["dag_run_id"] for run in airflow.runs(dag)}
    assert len(set(started)) == 20
    assert set(started) <= known


def test_the_last_clients_removal_stops_the_gateway(everything: dict[str, list[psutil.Process]]) -> None:
    from include.platform import gateway
    from include.platform.supervisor import Supervisor

    settings = load_settings()
    assert "no client is left, so the gateway is stopped" in gateway.remove(settings, "shop")
    supervisor = Supervisor(settings.home / "platform", settings.host)
    assert not [name for name in ("gateway", "facade") if supervisor.process(name)]
    assert not {"gateway", "facade"} & {i.name for i in instances(settings)}, "the next start does not bring it back"
