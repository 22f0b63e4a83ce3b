"""Clients and servers of the gateway; see docs/guides/gateway.md. ``make up`` starts it as soon as there is a client."""

import argparse
import signal
import sys
import time

from include.adapters import haproxy, metrics_server
from include.errors import MoebiusError, ServiceError
from include.gateway import clients
from include.platform.supervisor import Supervisor
from include.settings import Settings, load_settings
from include.specification.loader import usecase_names

DRAIN_SECONDS = 60.0


def configure(settings: Settings) -> None:
    """Check the client file, write HAProxy's files and tell Prometheus; raises SettingsError by client."""
    haproxy.configure(settings, usecase_names(), clients.load(settings.gateway_clients, usecase_names()))
    metrics_server.scrape_gateway(settings)


def reload(settings: Settings) -> str:
    """Put the client file into use; a gateway that runs drops no request over it.

    Raises
    ------
    SettingsError
        the file cannot be used; names the client.
    ServiceError
        the gateway does not answer.
    """
    clients.load(settings.gateway_clients, usecase_names())
    master = Supervisor(settings.home / "platform", settings.host).process("gateway")
    if master is None:
        return "the gateway does not run; `make up` starts it"
    configure(settings)
    haproxy.keep_states(settings)
    master.send_signal(signal.SIGUSR2)
    return "the gateway uses it from now on"


def drain(settings: Settings, server: str) -> str:
    """Give the server no new request, and wait until it has answered those that it has.

    Raises
    ------
    ServiceError
        it still answers after a minute; it stays without new requests.
    """
    haproxy.set_state(settings, server, "drain")
    deadline = time.monotonic() + DRAIN_SECONDS
    while busy := haproxy.busy(settings, server):
        if time.monotonic() > deadline:
            raise ServiceError(f"{server} still answers {busy} requests after {DRAIN_SECONDS:.0f} s; do not stop it")
        time.sleep(0.1)
    return f"{server} answers nothing any more and may be stopped; `ready {server}` puts it back"


def stop(settings: Settings, server: str) -> str:
    """Drain the server and stop it; `make up` and ``ready`` bring it back. Raises ServiceError as ``drain`` does."""
    drain(settings, server)
    if not Supervisor(settings.home / "platform", settings.host).stop(service_of(server)):
        return f"{server} answers nothing any more; it does not run on this host, or not as ours"
    return f"{server} is stopped; `make up`, then `ready {server}`, bring it back"


def service_of(server: str) -> str:
    """The name of a server's process, as `make status` shows it."""
    return "triton" if server == "embedded" else f"triton-{server}"


def main(arguments: list[str]) -> int:
    asked = _parser().parse_args(arguments)
    try:
        print(_done(load_settings(), asked))
    except MoebiusError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _done(settings: Settings, asked: argparse.Namespace) -> str:
    for_server = {"drain": drain, "stop": stop, "ready": _ready}
    if asked.verb in for_server:
        return for_server[asked.verb](settings, asked.server)
    match asked.verb:
        case "add":
            return f"{_add(settings, asked)}; {reload(settings)}"
        case "remove":
            clients.remove(settings.gateway_clients, asked.client, usecase_names())
            return f"{asked.client} is no client any more; {reload(settings)}"
        case "reload":
            return reload(settings)
    found = clients.load(settings.gateway_clients, usecase_names())
    return "\n".join(f"{name}: {_described(one.model_dump())}" for name, one in found.items()) or "no clients"


def _ready(settings: Settings, server: str) -> str:
    haproxy.set_state(settings, server, "ready")
    return f"{server} gets requests as soon as its checks pass"


def _add(settings: Settings, asked: argparse.Namespace) -> str:
    given = {"roles": asked.role, "models": asked.model, "rate": asked.rate, "public_key": asked.public_key}
    key = clients.add(
        settings.gateway_clients, asked.client, {k: v for k, v in given.items() if v is not None}, usecase_names()
    )
    return f"client {asked.client}: {f'its key, shown this once, is {key}' if key else 'known by its tokens'}"


def _described(facts: dict) -> str:
    models = "all use cases" if facts["models"] is None else ", ".join(sorted(facts["models"]))
    known_by = "API key" if facts["key_sha256"] else f"tokens ({facts['public_key']})"
    return f"{', '.join(sorted(facts['roles']))}; {models}; {facts['rate']} requests a second; {known_by}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make gateway DO=", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    add = verbs.add_parser("add", help="a new client, or a new key for one; prints the key")
    add.add_argument("client")
    add.add_argument("--role", action="append", choices=["infer", "metadata", "metrics"], help="default: infer")
    add.add_argument("--model", action="append", help="a use case that it may ask; default: all")
    add.add_argument("--rate", type=int, help="requests per second; default: 50")
    add.add_argument("--public-key", help="PEM file below <home>/gateway: it signs tokens and has no key")
    verbs.add_parser("remove", help="a client").add_argument("client")
    verbs.add_parser("clients", help="who may ask")
    verbs.add_parser("reload", help="after clients.yaml was edited by hand")
    verbs.add_parser("drain", help="before a server is stopped").add_argument("server")
    verbs.add_parser("stop", help="drain a server of this host, then stop it").add_argument("server")
    verbs.add_parser("ready", help="after it was started again").add_argument("server")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
