"""A platform to break: its own state root and ports, a real release of made-up flights, started as ``make up`` does."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from include.adapters import model_server
from include.adapters.signatures import new_signing_key
from include.contracts.deployment import ReleaseRef
from include.contracts.platform import ProcessEvent, events_file, read_events
from include.deployment import rollout
from include.formats import state_file
from include.gateway import clients
from include.platform import embedded, processes
from include.platform.embedded import Platform
from include.platform.servers import healthy
from include.platform.topology import Instance, instances
from include.services.composition import Services
from include.settings import ROOT, GatewayServer, Settings, load_settings
from include.specification.loader import usecase_names
from tests import living
from tests.chaos.doors import GATEWAY, SERVER, Door, GrpcDoor, RestDoor
from tests.integration.gateway_fixtures import require_haproxy
from tests.integration.pipeline_fixtures import KEYS, Serving
from tests.integration.ports import free_ports

AIRFLOW = ("airflow-db", "airflow-api", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")
LATER = ("mlflow", *AIRFLOW)
"""What no answer and no figure needs: only the whole variant has it."""
CLIENT = "chaos"


@dataclass
class World:
    """``home`` is the state root. There are two model servers behind the gateway; the first is asked alone, too."""

    home: Path
    settings: Settings = field(init=False)
    serving: Serving = field(init=False)
    release: ReleaseRef = field(init=False)
    key: str = ""

    def __post_init__(self) -> None:
        self.settings = load_settings()
        os.umask(0o077)
        state_file.write(self.settings.key_file, f"{KEYS}\n", private=True, plain=True)
        state_file.write(self.settings.approval_key_file, new_signing_key(), private=True, plain=True)
        ports = {name: getattr(self.settings, name) for name in type(self.settings).model_fields if "_port" in name}
        self.serving = Serving(self.home, keys="", **ports, gateway_servers=self.settings.gateway_servers)
        self.services = Services(self.settings)
        self.platform = Platform(self.settings)
        self.supervisor = self.platform.supervisor

    def make(self) -> None:
        """A release that will serve as soon as a server runs, and features of its airports and planes."""
        self.serving.fill_online_store()
        self.release = self.serving.release(1)
        self.settings.staging.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.settings.staging) as aside:
            self.serving.write_model(Path(aside) / "model")
            self.serving.server.install(self.serving.spec.name, Path(aside) / "model")
        rollout.write(self.serving.state, rollout.first(self.serving.spec, self.release.name))
        self.key = clients.add(self.settings.gateway_clients, CLIENT, {"rate": 100_000}, usecase_names())

    def up(self) -> list[str]:
        """As ``make up`` does; what it says."""
        lines: list[str] = []
        self.platform.up(lines.append)
        return lines

    def down(self) -> None:
        self.serving.server.close()
        self.serving.kserve.close()
        self.platform.down()
        self.sweep()
        model_server.clear_shared_memory(self.settings)

    def sweep(self) -> None:
        """End every process of this state root, also one whose pid file was lost."""
        ours = [process for process in psutil.process_iter() if _works_on(self.home, process)]
        processes.kill(ours, 20)

    def ways(self) -> list[Callable[[], list[Door]]]:
        """How clients ask: the first server alone, and the gateway by both protocols in turn."""
        return [self._server, self._gateway]

    def _server(self) -> list[Door]:
        return [GrpcDoor(SERVER, self.settings.triton_grpc, self.serving.spec.name)]

    def _gateway(self) -> list[Door]:
        model, at = self.serving.spec.name, f"127.0.0.1:{self.settings.gateway_port}"
        certificate, path = str(self.settings.gateway / "certificate.pem"), f"/v2/models/{model}/infer"
        rest = RestDoor(GATEWAY, f"https://{at}{path}", certificate, self.key)
        return [GrpcDoor(GATEWAY, at, model, certificate, self.key), rest]

    def parts(self) -> list[Instance]:
        """Everything that runs and stays."""
        return [one for one in embedded.instances(self.settings) if not one.declared.ends]

    def part(self, name: str) -> Instance:
        return next(one for one in self.parts() if one.name == name)

    def process(self, name: str) -> psutil.Process:
        found = self.supervisor.process(name)
        assert found, f"{name} does not run"
        return found

    def runs_well(self, name: str) -> bool:
        """It runs, is not stopped, and answers as its declaration says."""
        process = self.supervisor.process(name)
        try:
            stopped = process is None or process.status() == psutil.STATUS_STOPPED
        except psutil.NoSuchProcess:
            stopped = True
        return not stopped and healthy(self.part(name))

    def model_processes(self, server: str = "triton") -> list[psutil.Process]:
        """Those of the server that answer requests."""
        leader = self.supervisor.process(server)
        file = self.settings.triton_repository / self.serving.spec.name / "1" / "model.py"
        return living.that_run(file, leader)

    def events(self) -> list[ProcessEvent]:
        """What happened to processes since the platform was made."""
        return read_events(events_file(self.home))

    def status(self) -> str:
        """What ``moebius status`` prints."""
        argv = [sys.executable, "-W", "ignore", "-c", "from include.commands.main import run; run()", "status"]
        env = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "300"}
        return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout


def _works_on(home: Path, process: psutil.Process) -> bool:
    """Whether it was started for this state root, as its environment or its command line shows."""
    try:
        named = process.environ().get("MOEBIUS_HOME") == str(home) or str(home) in " ".join(process.cmdline())
    except psutil.Error:
        return False
    return named and process.pid != os.getpid()


@contextmanager
def world(home: Path, *, whole: bool = False, **variables: str) -> Iterator[World]:
    """Made, started, and stopped at the end; the settings are those of the environment meanwhile."""
    require_haproxy()
    for program in ("prometheus", "redis-server"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed: apt-get install {program}")
    mask = os.umask(0o077)  # as the command line does
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (_variables(home) | variables).items():
            patch.setenv(name, value)
        patch.delenv("MOEBIUS_APPROVAL_KEY", raising=False)  # of the tests: `make up` makes one
        if not whole:
            patch.setattr(embedded, "instances", _reduced)
        load_settings.cache_clear()
        made = World(home)
        try:
            made.make()
            made.up()
            yield made
        finally:
            made.down()
            os.umask(mask)
            load_settings.cache_clear()


def _reduced(settings: Settings) -> list[Instance]:
    return [one for one in instances(settings) if one.declared.name not in LATER]


def _variables(home: Path) -> dict[str, str]:
    names = [name for name in Settings.model_fields if name.endswith("_port")]
    *ports, http, grpc, metrics = free_ports(len(names) + 3)
    second = GatewayServer(name="second", host="127.0.0.1", grpc_port=grpc, http_port=http, metrics_port=metrics)
    own = {f"MOEBIUS_{name.upper()}": str(port) for name, port in zip(names, ports, strict=True)}
    return {"MOEBIUS_HOME": str(home), "MOEBIUS_GATEWAY_SERVERS": f"[{second.model_dump_json()}]", **own}
