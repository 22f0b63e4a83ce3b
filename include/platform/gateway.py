"""The gateway of the embedded platform: its client file put into use, and servers taken out and back."""

import signal
import time
from typing import Any

from include.adapters import haproxy, metrics_server
from include.contracts.gateway import GatewayClient
from include.errors import ServiceError
from include.gateway import clients
from include.platform import recorded_rights
from include.platform.supervisor import Supervisor
from include.platform.topology import replica_name
from include.settings import Settings
from include.specification.loader import usecase_names

DRAIN_SECONDS = 60.0


def configure(settings: Settings) -> None:
    """Check the client file, record what changed in it, write HAProxy's files and tell Prometheus.

    Raises SettingsError by client, ServiceError when the audit log takes no entry.
    """
    recorded_rights.record(settings)
    haproxy.configure(settings, usecase_names(), clients.load(settings.gateway_clients, usecase_names()))
    metrics_server.scrape_gateway(settings, there=True)


def add(settings: Settings, client: str, facts: dict[str, Any]) -> str:
    """Add a client, or give it a new key; says the key. Raises SettingsError for facts that cannot be used."""
    if owner := facts.get("owner"):
        settings.role_of(owner)
    key = clients.add(settings.gateway_clients, client, facts, usecase_names())
    known_by = f"its key, shown this once, is {key}" if key else "known by its tokens"
    return f"client {client}: {known_by}; {reload(settings)}"


def remove(settings: Settings, client: str) -> str:
    """Raises NotFoundError when there is no such client."""
    clients.remove(settings.gateway_clients, client, usecase_names())
    return f"{client} is no client any more; {reload(settings)}"


def listing(settings: Settings) -> str:
    """One line per client: what it may do, and how it identifies itself."""
    known = clients.load(settings.gateway_clients, usecase_names())
    return "\n".join(f"{name}: {_described(client)}" for name, client in known.items()) or "no clients"


def _described(client: GatewayClient) -> str:
    models = "all use cases" if client.models is None else ", ".join(sorted(client.models))
    known_by = "API key" if client.key_sha256 else f"tokens ({client.public_key})"
    owner = client.owner or "nobody"
    may = f"{', '.join(sorted(client.roles))}; {models}; {client.rate} requests a second"
    return f"{may}; {known_by}; answered for by {owner}"


def reload(settings: Settings) -> str:
    """Put the client file into use; a gateway that runs drops no request over it. Without a client it is stopped.

    Raises
    ------
    SettingsError
        the file cannot be used; names the client.
    ServiceError
        the gateway does not answer.
    """
    clients.load(settings.gateway_clients, usecase_names())
    supervisor = Supervisor(settings.home / "platform", settings.host)
    if not clients.present(settings.gateway_clients):
        metrics_server.scrape_gateway(settings, there=False)
        stopped = [name for name in ("gateway", "facade") if supervisor.stop(name)]
        return f"no client is left{', so the gateway is stopped' if stopped else ''}"
    master = supervisor.process("gateway")
    if master is None:
        return "the gateway does not run; `make up` starts it"
    configure(settings)
    haproxy.keep_states(settings)
    master.send_signal(signal.SIGUSR2)
    return "the gateway uses it from now on"


def drain(settings: Settings, server: str) -> str:
    """Give the server no new request, and wait until it has answered those that it has.

    Raises ServiceError when it still answers after a minute; it stays without new requests.
    """
    haproxy.set_state(settings, server, "drain")
    deadline = time.monotonic() + DRAIN_SECONDS
    while busy := haproxy.busy(settings, server):
        if time.monotonic() > deadline:
            raise ServiceError(f"{server} still answers {busy} requests after {DRAIN_SECONDS:.0f} s; do not stop it")
        time.sleep(0.1)
    return f"{server} answers nothing any more and may be stopped; `moebius gateway ready {server}` puts it back"


def stop(settings: Settings, server: str) -> str:
    """Drain the server and stop it; ``up`` and ``ready`` bring it back. Raises ServiceError as ``drain`` does."""
    drain(settings, server)
    if not Supervisor(settings.home / "platform", settings.host).stop(replica_name("triton", server)):
        return f"{server} answers nothing any more; it does not run on this host, or not as ours"
    return f"{server} is stopped; `make up`, then `moebius gateway ready {server}`, bring it back"


def ready(settings: Settings, server: str) -> str:
    """Give the server requests again. Raises NotFoundError or ServiceError."""
    haproxy.set_state(settings, server, "ready")
    return f"{server} gets requests as soon as its checks pass"
