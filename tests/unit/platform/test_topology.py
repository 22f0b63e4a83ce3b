"""The declaration of what runs: complete, consistent, and the same for everyone who reads it."""

import importlib.util
from pathlib import Path

import pytest

from include.platform import secrets, servers
from include.platform.topology import TOPOLOGY, Declaration, instances, instances_of, keeper_file
from include.settings import SECRETS, GatewayServer, Settings

SECOND = GatewayServer(name="second", host="127.0.0.1", grpc_port=1, http_port=2, metrics_port=3)
ELSEWHERE = GatewayServer(name="third", host="10.0.0.7", grpc_port=4, http_port=5, metrics_port=6)


def names(settings: Settings) -> list[str]:
    return [instance.name for instance in instances(settings)]


def test_every_port_setting_belongs_to_one_service() -> None:
    declared = [port for service in TOPOLOGY for port in service.ports]
    assert sorted(declared) == sorted(name for name in Settings.model_fields if name.endswith("_port"))


def test_a_service_starts_after_those_it_needs() -> None:
    order = [service.name for service in TOPOLOGY]
    assert len(order) == len(set(order))
    for service in TOPOLOGY:
        assert all(order.index(needed) < order.index(service.name) for needed in service.after), service.name


@pytest.mark.parametrize("declared", TOPOLOGY, ids=lambda declared: declared.name)
def test_a_declaration_can_be_carried_out(declared: Declaration, tmp_path: Path) -> None:
    (instance, *_) = instances_of(declared, Settings(home=tmp_path))
    assert "{" not in instance.address
    assert instance.health.partition("://")[0] in {"http", "redis", "file", "rpc"} or declared.ends
    assert "{" not in instance.health
    assert declared.memory > 0
    assert set(declared.secrets) <= secrets.NAMES
    if declared.program:
        assert importlib.util.find_spec(declared.program)
    else:
        assert declared.name in servers.COMMANDS


def test_what_runs_depends_on_the_settings(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    airflow = [f"airflow-{part}" for part in ("db", "api", "scheduler", "dag-processor", "triggerer")]
    assert names(settings) == [
        "redis", "mlflow", "triton", "exporter", "consumer", "prometheus", *airflow, "keeper", "supervisord",
    ]  # fmt: skip
    assert "redis" not in names(settings.model_copy(update={"redis_url": "redis://elsewhere/1"}))
    settings.gateway.mkdir()
    settings.gateway_clients.write_text("{}\n")
    assert not {"facade", "gateway"} & set(names(settings)), "an empty client file is no client"
    settings.gateway_clients.write_text("shop: {roles: [infer]}\n")
    assert {"facade", "gateway"} < set(names(settings))


def test_a_server_of_this_host_behind_the_gateway_is_an_instance_with_its_own_ports(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, gateway_servers=(SECOND, ELSEWHERE))
    first, second = instances_of("triton", settings)
    assert names(settings)[2:4] == [first.name, second.name] == ["triton", "triton-second"]
    assert second.ports == {"triton_http_port": 2, "triton_grpc_port": 1, "triton_metrics_port": 3}
    assert second.health == "http://127.0.0.1:2/v2/health/ready"


NEEDED = {
    "mlflow": {"MOEBIUS_MLFLOW_PASSWORD", "MLFLOW_AUTH_ADMIN_PASSWORD", "MLFLOW_FLASK_SERVER_SECRET_KEY"},
    "triton": {"MOEBIUS_PSEUDONYM_KEYS"},
    "keeper": {"MOEBIUS_PSEUDONYM_KEYS"},
    "airflow-api": {"MOEBIUS_MLFLOW_PASSWORD", "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY"},
    "airflow-scheduler": {
        *(f"MOEBIUS_{name.upper()}" for name in SECRETS),
        "AIRFLOW__API_AUTH__JWT_SECRET",
        "AIRFLOW_CONN_DEPOT",
    },
    "supervisord": {
        *(f"MOEBIUS_{name.upper()}" for name in (*SECRETS, "airflow_password")),
        "AIRFLOW_CONN_DEPOT",
    },
}
"""The secrets that each process works with; every other process works with none. What no file has, supervisord carries
for the next start of the service that needs it."""


@pytest.mark.parametrize("declared", TOPOLOGY, ids=lambda declared: declared.name)
def test_a_process_has_the_keys_that_it_needs_and_no_others(
    declared: Declaration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that the operator's shell holds are not inherited; keys in files are not read for who does not need them."""
    shell = {f"MOEBIUS_{name.upper()}": f"in-the-shell-{name}" for name in (*SECRETS, "airflow_password")}
    shell |= {"AIRFLOW_CONN_DEPOT": "in-the-shell-connection"}
    for variable, value in shell.items():
        monkeypatch.setenv(variable, value)
    (instance, *_) = instances_of(declared, Settings(home=tmp_path))
    environment = servers.service(instance).env
    made = {variable for variable, _ in secrets.MADE.values()}
    assert {name for name in environment if name in shell or name in made} == NEEDED.get(declared.name, set())
    held = {value for name, value in environment.items() if name not in NEEDED.get(declared.name, set())}
    assert not [secret for secret in shell.values() if any(secret in value for value in held)]


def test_the_sign_of_life_of_a_process_before_does_not_count(tmp_path: Path) -> None:
    (keeper,) = instances_of("keeper", Settings(home=tmp_path))
    alive = keeper_file(keeper.settings)
    alive.parent.mkdir(parents=True)
    alive.touch()
    service = servers.service(keeper)
    assert service.ready()
    service.prepare()
    assert not service.ready()
