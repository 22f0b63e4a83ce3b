"""``moebius gateway``; see docs/guides/gateway.md."""

from functools import partial
from typing import Annotated

import typer

from include.formats.plain_text import visible

app = typer.Typer(
    no_args_is_help=True,
    help="Clients and servers of the gateway, which serves models to other machines. It starts once it has a client.",
)
Client = Annotated[str, typer.Argument(help="name of the client")]
Server = Annotated[str, typer.Argument(help="name of the server: `embedded`, or one of MOEBIUS_GATEWAY_SERVERS")]


@app.command()
def add(
    client: Client,
    role: Annotated[list[str] | None, typer.Option(help="infer, metadata or metrics; default: infer")] = None,
    model: Annotated[list[str] | None, typer.Option(help="a use case that it may use; default: all")] = None,
    rate: Annotated[int | None, typer.Option(help="requests per second; default: 50")] = None,
    owner: Annotated[str | None, typer.Option(help="login of Airflow that answers for the client")] = None,
    public_key: Annotated[
        str | None, typer.Option(help="PEM file in the gateway directory; the client signs tokens and gets no API key")
    ] = None,
) -> None:
    """Add a client, or give an existing client a new key. The key is shown once."""
    given = {"roles": role, "models": model, "rate": rate, "owner": owner, "public_key": public_key}
    _run("add", client, {name: value for name, value in given.items() if value})


@app.command()
def remove(client: Client) -> None:
    """Remove a client: its requests are refused from now on."""
    _run("remove", client)


@app.command()
def clients() -> None:
    """List the clients, what they may do and how they identify themselves."""
    _run("listing")


@app.command()
def reload() -> None:
    """Use the client file again after it was edited by hand. No request is dropped."""
    _run("reload")


@app.command()
def drain(server: Server) -> None:
    """Send a server no new requests, and wait until it has answered those that it has."""
    _run("drain", server)


@app.command()
def stop(server: Server) -> None:
    """Drain a server of this host, then stop it."""
    _run("stop", server)


@app.command()
def ready(server: Server) -> None:
    """Send a server requests again, after it was started again."""
    _run("ready", server)


def _run(function: str, *arguments: object) -> None:
    from include.governance.audited import audited
    from include.platform import gateway
    from include.services.command_events import by_command
    from include.services.composition import services
    from include.settings import load_settings

    act = partial(getattr(gateway, function), load_settings(), *arguments)
    if function == "listing":
        print(visible(act()))
        return
    event = by_command("change", f"gateway_{function}", what=str(arguments[0]) if arguments else "client file")
    with audited(services().adapters.audit, event):
        text = act()
    print(visible(text))
