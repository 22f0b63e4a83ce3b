"""HAProxy, the gateway: its generated configuration and certificate, how it is started, and its runtime commands.

Written for HAProxy 2.6. The template is ``docker/gateway/haproxy.cfg``; clients, models and servers are put in here.
"""

import csv
import os
import shutil
import socket
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from string import Template

from include.contracts.gateway import GatewayClient
from include.errors import NotFoundError, ServiceError, SettingsError
from include.formats.atomic_file import write_atomically
from include.settings import ROOT, GatewayServer, Settings

TEMPLATE = ROOT / "docker" / "gateway" / "haproxy.cfg"
LUA = ROOT / "docker" / "gateway" / "models.lua"
ADMIN_PATHS = "/usr/sbin:/usr/local/sbin"  # where packages put it, and what not every user has on PATH
AROUND_A_BODY = 32_768  # headers, and what HAProxy keeps about each part of a message
RATE_SECONDS = 10
STATES = "servers.state"
CERTIFICATE_DAYS = 365
REFUSALS = {
    401: (16, "no valid API key or token"),
    403: (7, "this client may not do this"),
    404: (12, "the gateway does not offer this"),
    413: (8, "the request is too large"),
    415: (12, "compressed requests are not accepted"),
    429: (8, "too many requests: wait and ask again"),
}
"""HTTP status → status of gRPC, and the words."""


def binary(settings: Settings) -> str:
    """The path of the executable; raises SettingsError when there is none."""
    if (program := _found(settings)) is None:
        raise SettingsError(
            f"{settings.haproxy_binary} not found: the gateway needs HAProxy 2.6 or later (Debian: `apt-get install "
            "haproxy`), or set MOEBIUS_HAPROXY_BINARY to its path"
        )
    return program


def _found(settings: Settings) -> str | None:
    return shutil.which(settings.haproxy_binary) or shutil.which(settings.haproxy_binary, path=ADMIN_PATHS)


def servers(settings: Settings) -> tuple[GatewayServer, ...]:
    """The embedded Triton and those that the settings add."""
    embedded = GatewayServer(
        name="embedded",
        host=settings.host,
        grpc_port=settings.triton_grpc_port,
        http_port=settings.triton_http_port,
        metrics_port=settings.triton_metrics_port,
    )
    return (embedded, *settings.gateway_servers)


def configure(settings: Settings, models: Sequence[str], clients: Mapping[str, GatewayClient]) -> Path:
    """Write configuration, lists and, where there is none, a certificate; returns the configuration file.

    The old configuration stays when HAProxy refuses the new one.

    Raises
    ------
    SettingsError
        the template names a setting that does not exist, or HAProxy refuses what it became.
    """
    certificate = _certificate(settings)
    write_atomically(settings.gateway / STATES, "", private=True)
    for name, lines in _lists(models, clients).items():
        write_atomically(settings.gateway / name, "".join(f"{line}\n" for line in lines), private=True)
    aside = settings.gateway / "haproxy.cfg.new"
    write_atomically(aside, _text(settings, certificate, models, clients), private=True)
    checked = subprocess.run(
        [binary(settings), "-C", settings.gateway, "-c", "-f", aside], capture_output=True, text=True, check=False
    )
    if checked.returncode:
        raise SettingsError(f"HAProxy refuses {aside}: {(checked.stderr or checked.stdout).strip()[-2000:]}")
    return aside.replace(settings.gateway / "haproxy.cfg")


def command(settings: Settings) -> list[str]:
    """Start it in the foreground, as a master that SIGUSR2 makes read its files again without losing a request."""
    return [_found(settings) or settings.haproxy_binary, "-W", "-db", "-C", str(settings.gateway), "-f", "haproxy.cfg"]


def set_state(settings: Settings, server: str, state: str) -> None:
    """Take a server out of use (``drain``: what it is answering it still answers) or back (``ready``).

    Raises
    ------
    NotFoundError
        there is no such server.
    ServiceError
        the gateway does not run.
    """
    known = [one.name for one in servers(settings)]
    if server not in known:
        raise NotFoundError(f"no server {server!r} behind the gateway; there are {known}")
    for backend in sorted({row["pxname"] for row in _figures(settings, server)}):
        if answer := _runtime(settings, f"set server {backend}/{server} state {state}"):
            raise ServiceError(f"HAProxy did not set {backend}/{server} to {state}: {answer}")


def keep_states(settings: Settings) -> None:
    """For a reload: a server that is drained stays so. Raises ServiceError when the gateway does not run."""
    write_atomically(settings.gateway / STATES, _runtime(settings, "show servers state") + "\n", private=True)


def states_of(settings: Settings, model: str) -> dict[str, str]:
    """Server → UP, DOWN, MAINT, DRAIN … for the model. Raises ServiceError when the gateway does not run."""
    rows = csv.DictReader(_runtime(settings, "show stat").removeprefix("# ").splitlines())
    return {
        row["svname"]: row["status"].split()[0]
        for row in rows
        if row["pxname"] == f"grpc_{model}" and row["svname"] != "BACKEND"
    }


def set_state_of(settings: Settings, model: str, server: str, state: str) -> None:
    """As ``set_state``, for one model: ``maint`` is no new request, whatever checks say; ``ready`` ends that."""
    if answer := _runtime(settings, f"set server grpc_{model}/{server} state {state}"):
        raise ServiceError(f"HAProxy did not set grpc_{model}/{server} to {state}: {answer}")


def busy(settings: Settings, server: str) -> int:
    """Requests that the server is answering now."""
    return sum(int(row["scur"]) for row in _figures(settings, server))


def _figures(settings: Settings, server: str) -> list[dict[str, str]]:
    """HAProxy's statistics of the server, in each backend."""
    lines = _runtime(settings, "show stat").removeprefix("# ").splitlines()
    return [row for row in csv.DictReader(lines) if row["svname"] == server]


def _runtime(settings: Settings, words: str) -> str:
    path = settings.gateway / "admin.sock"
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(5)
        try:
            _connect(asked, path)
            asked.sendall(f"{words}\n".encode())
            answer = b"".join(iter(lambda: asked.recv(65_536), b""))
        except OSError as error:
            raise ServiceError(f"the gateway does not answer at {path}: {error}; see `make status`") from error
    return answer.decode().strip()


def _connect(asked: socket.socket, path: Path) -> None:
    """Through a descriptor of its directory: an address has 107 bytes at most, and a state root may be deep."""
    descriptor = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        asked.connect(f"/proc/self/fd/{descriptor}/{path.name}")
    finally:
        os.close(descriptor)


def _text(settings: Settings, certificate: Path, models: Sequence[str], clients: Mapping[str, GatewayClient]) -> str:
    values = settings.model_dump() | {
        "lua": _word(LUA),
        "certificate": _word(certificate),
        "buffer": settings.gateway_body_limit + AROUND_A_BODY,
        "server_seconds": round(settings.serving_timeout),
        "tokens": _lines(_token(name, client) for name, client in clients.items() if client.public_key),
        "refusals": _lines(_refusal(status, words) for status, (_, words) in REFUSALS.items()),
        "servers": _lines(_server(server) for server in servers(settings)),
        "models": "\n".join(_backend(settings, model) for model in models),
    }
    try:
        return Template(TEMPLATE.read_text()).substitute(values)
    except (KeyError, ValueError) as error:
        raise SettingsError(f"{TEMPLATE}: {error}; settings that it may name: {', '.join(sorted(values))}") from error


def _lists(models: Sequence[str], clients: Mapping[str, GatewayClient]) -> dict[str, list[str]]:
    """File → lines of what the rules look up."""
    return {
        "keys.map": [f"{client.key_sha256} {name}" for name, client in clients.items() if client.key_sha256],
        "rates.map": [f"{name} {client.rate * RATE_SECONDS}" for name, client in clients.items()],
        "roles.lst": [f"{name}/{role}" for name, client in clients.items() for role in sorted(client.roles)],
        "models.lst": [
            f"{name}/{model}"
            for name, client in clients.items()
            for model in models
            if client.models is None or model in client.models
        ],
        "grpc.map": [f"{status} {code}" for status, (code, _) in REFUSALS.items()],
        "words.map": [f"{status} {words}" for status, (_, words) in REFUSALS.items()],
    }


def _token(name: str, client: GatewayClient) -> str:
    key = client.public_key
    valid = f'rs256 meant_for_us not_expired !not_yet {{ http_auth_bearer,jwt_verify("RS256","{key}") -m int 1 }}'
    return f"http-request set-var(txn.client) str({name}) if {{ var(txn.subject) -m str {name} }} {valid}"


def _word(path: Path) -> str:
    """A path as one word of the configuration."""
    return "'" + str(path).replace("'", "'\\''") + "'"


def _refusal(status: int, words: str) -> str:
    more = {401: ' hdr www-authenticate "Bearer"', 429: f' hdr retry-after "{RATE_SECONDS}"'}.get(status, "")
    body = f"""content-type application/json string '{{"error":"{words}"}}'{more}"""
    return f"http-request return status {status} {body} if {{ var(txn.refused) -m int {status} }}"


def _server(one: GatewayServer) -> str:
    return f"server {one.name} {one.host}:{one.grpc_port} proto h2 check port {one.http_port} check-proto h1"


def _backend(settings: Settings, model: str) -> str:
    """A backend per model: a server that lives may lack one of them."""
    checked = f"option httpchk GET /v2/models/{model}/ready"
    return f"backend grpc_{model}\n{_lines([checked, *(_server(server) for server in servers(settings))])}\n"


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


def _certificate(settings: Settings) -> Path:
    """The operator's PEM file, or our own; clients of our own trust ``certificate.pem``."""
    if settings.gateway_certificate != Path():
        if not settings.gateway_certificate.is_file():
            raise SettingsError(f"MOEBIUS_GATEWAY_CERTIFICATE={settings.gateway_certificate}: the file does not exist")
        return settings.gateway_certificate.resolve()
    path = settings.gateway / "server.pem"
    if not path.is_file():
        certificate, key = _self_signed(settings.gateway_host)
        write_atomically(path, certificate + key, private=True)
        write_atomically(settings.gateway / "certificate.pem", certificate)
    return path


def _self_signed(host: str) -> tuple[str, str]:
    """Certificate and private key, PEM, for this host and loopback."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "moebius gateway")])
    addresses = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost"), x509.DNSName(socket.gethostname())]
    if host not in ("127.0.0.1", "0.0.0.0"):  # noqa: S104 - compared, not bound
        addresses.append(x509.DNSName(host) if host.strip("0123456789.") else x509.IPAddress(ip_address(host)))
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))  # made by a clock that was a day ahead, it is valid still
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return built.public_bytes(serialization.Encoding.PEM).decode(), private.decode()
