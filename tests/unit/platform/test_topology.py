"""The declaration of what runs: complete, consistent, and the same for everyone who reads it."""

import importlib.util
from pathlib import Path

import pytest

from include.platform import servers
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
    assert instance.health.partition("://")[0] in {"http", "redis", "file"}
    assert "{" not in instance.health
    assert declared.memory > 0
    assert set(declared.secrets) <= set(SECRETS)
    if declared.program:
        assert importlib.util.find_spec(declared.program)
    else:
        assert declared.name in servers.COMMANDS


def test_what_runs_depends_on_the_settings(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert names(settings) == ["redis", "mlflow", "triton", "exporter", "consumer", "prometheus", "airflow", "keeper"]
    assert "redis" not in names(settings.model_copy(update={"redis_url": "redis://elsewhere/1"}))
    settings.gateway.mkdir()
    settings.gateway_clients.touch()
    assert {"facade", "gateway"} < set(names(settings))


def test_a_server_of_this_host_behind_the_gateway_is_an_instance_with_its_own_ports(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, gateway_servers=(SECOND, ELSEWHERE))
    first, second = instances_of("triton", settings)
    assert names(settings)[2:4] == [first.name, second.name] == ["triton", "triton-second"]
    assert second.ports == {"triton_http_port": 2, "triton_grpc_port": 1, "triton_metrics_port": 3}
    assert second.health == "http://127.0.0.1:2/v2/health/ready"


def test_a_process_is_given_the_secrets_that_are_declared_and_no_others(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, pseudonym_keys="k01:aaaaaaaaaaaaaaaaaaaa", private_key="b" * 44)
    (keeper,), (exporter,) = instances_of("keeper", settings), instances_of("exporter", settings)
    assert servers.service(keeper).env["MOEBIUS_PSEUDONYM_KEYS"] == "k01:aaaaaaaaaaaaaaaaaaaa"
    assert not [name for name in servers.service(exporter).env if "KEY" in name and name.startswith("MOEBIUS")]


def test_the_sign_of_life_of_a_process_before_does_not_count(tmp_path: Path) -> None:
    (keeper,) = instances_of("keeper", Settings(home=tmp_path))
    alive = keeper_file(keeper.settings)
    alive.parent.mkdir(parents=True)
    alive.touch()
    service = servers.service(keeper)
    assert service.ready()
    service.prepare()
    assert not service.ready()
