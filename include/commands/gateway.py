"""``moebius gateway``; see docs/guides/gateway.md."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from include.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    help="Clients and servers of the gateway, which serves models to other machines. It starts once it has a client.",
)
Client = Annotated[str, typer.Argument(help="name of the client")]
Server = Annotated[str, typer.Argument(help="name of the server: `embedded`, or one of MOEBIUS_GATEWAY_SERVERS")]


class Permission(StrEnum):
    infer = "infer"
    metadata = "metadata"
    metrics = "metrics"


@app.command()
def add(
    client: Client,
    role: Annotated[list[Permission] | None, typer.Option(help="what it may do; default: infer")] = None,
    model: Annotated[list[str] | None, typer.Option(help="a use case that it may use; default: all")] = None,
    rate: Annotated[int | None, typer.Option(help="requests per second; default: 50")] = None,
    public_key: Annotated[
        str | None, typer.Option(help="PEM file in the gateway directory; the client signs tokens and gets no API key")
    ] = None,
) -> None:
    """Add a client, or give an existing client a new key. The key is shown once."""
    from include.gateway import clients
    from include.platform import gateway
    from include.specification.loader import usecase_names

    settings = _settings()
    given = {"roles": role, "models": model, "rate": rate, "public_key": public_key}
    facts = {name: value for name, value in given.items() if value}
    key = clients.add(settings.gateway_clients, client, facts, usecase_names())
    known_by = f"its key, shown this once, is {key}" if key else "known by its tokens"
    print(f"client {client}: {known_by}; {gateway.reload(settings)}")


@app.command()
def remove(client: Client) -> None:
    """Remove a client: its requests are refused from now on."""
    from include.gateway import clients as file
    from include.platform import gateway
    from include.specification.loader import usecase_names

    settings = _settings()
    file.remove(settings.gateway_clients, client, usecase_names())
    print(f"{client} is no client any more; {gateway.reload(settings)}")


@app.command()
def clients() -> None:
    """List the clients, what they may do and how they identify themselves."""
    from include.gateway import clients as file
    from include.specification.loader import usecase_names

    known = file.load(_settings().gateway_clients, usecase_names())
    print("\n".join(f"{name}: {_described(one.model_dump())}" for name, one in known.items()) or "no clients")


@app.command()
def reload() -> None:
    """Use the client file again after it was edited by hand. No request is dropped."""
    from include.platform import gateway

    print(gateway.reload(_settings()))


@app.command()
def drain(server: Server) -> None:
    """Send a server no new requests, and wait until it has answered those that it has."""
    from include.platform import gateway

    print(gateway.drain(_settings(), server))


@app.command()
def stop(server: Server) -> None:
    """Drain a server of this host, then stop it."""
    from include.platform import gateway

    print(gateway.stop(_settings(), server))


@app.command()
def ready(server: Server) -> None:
    """Send a server requests again, after it was started again."""
    from include.platform import gateway

    print(gateway.ready(_settings(), server))


def _settings() -> "Settings":
    from include.settings import load_settings

    return load_settings()


def _described(facts: dict) -> str:
    models = "all use cases" if facts["models"] is None else ", ".join(sorted(facts["models"]))
    known_by = "API key" if facts["key_sha256"] else f"tokens ({facts['public_key']})"
    return f"{', '.join(sorted(facts['roles']))}; {models}; {facts['rate']} requests a second; {known_by}"
