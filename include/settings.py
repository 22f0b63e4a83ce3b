"""Frozen settings.

Every setting is an environment variable ``MOEBIUS_<NAME>``; the defaults run the embedded platform
below ``var/``.
"""

import json
import re
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as NotJsonError

from include.contracts.audit import AuditKind
from include.contracts.costs import Prices
from include.contracts.governance import Level, Role, login_faults
from include.errors import SettingsError
from include.formats import state_file
from include.formats.sqlite_files import sqlite_url
from include.state_root import ROOT, StateRoot

UNUSABLE = re.compile(r"""[*?"$\\:\x00-\x1f\x7f\ud800-\udfff]""")
"""What no path of state may hold: patterns, quotes, separators of lists, and variables that nobody replaced."""
DEV_PORTS = 10_000
"""How far the ports of dev lie above those of prod."""
SECRETS = ("pseudonym_keys", "private_key", "hand_over_keys", "mlflow_password", "approval_key")
"""Settings that are secret and that processes are given by name."""


class Recipient(BaseModel):
    """Who may get exports: as which role, and the public key when it is not in ``<exchange>/recipients``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Role
    key: str = ""


class GatewayServer(BaseModel):
    """One more Triton server behind the gateway; `make up` starts those on the embedded one's host."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    host: str = Field(pattern=r"^[\w.:-]+$")
    grpc_port: int
    http_port: int
    metrics_port: int


class Settings(StateRoot, BaseSettings):
    """Where state lives, where services listen. Paths are absolute after loading."""

    model_config = SettingsConfigDict(env_prefix="MOEBIUS_", frozen=True, extra="ignore")

    environment: Literal["prod", "dev"] = Field("prod", description="prod: all data; dev: a handed-over sample")
    home: Path = Field(ROOT / "var", description="root directory of all state; for dev: var/dev")
    exchange: Path = Field(
        Path(), description="directory of encrypted exports and hand-overs; default: exchange/ of prod's home"
    )
    audit_checkpoints: Path = Field(
        Path(),
        description="directory of copies of the audit log's signed checkpoints, outside of home; default: "
        "<home>-checkpoints/<environment> beside prod's home",
    )
    host: str = Field("127.0.0.1", description="address every embedded service binds to")
    airflow_port: int = Field(8080, description="Airflow UI and REST")
    public_url: str = Field("", description="address of Airflow as people reach it, in links; empty: the embedded one")
    mlflow_port: int = Field(5000, description="MLflow tracking server")
    prometheus_port: int = Field(9090, description="Prometheus")
    exporter_port: int = Field(9108, description="Moebius metrics exporter")
    stream_port: int = Field(9109, description="metrics of the stream consumer")
    stream_backlog: int = Field(10_000, ge=1, description="unprocessed events at which producers wait")
    stream_batch: int = Field(500, ge=1, description="events per batch of the stream consumer")
    stream_claim_seconds: float = Field(
        5.0, gt=0, description="silence after which the events of a stream consumer go to another one, s"
    )
    triton_http_port: int = Field(8000, description="Triton HTTP")
    triton_grpc_port: int = Field(8001, description="Triton gRPC")
    triton_metrics_port: int = Field(8002, description="Triton metrics")
    redis_port: int = Field(6379, description="Redis: event streams, and the online store when it is redis")
    redis_binary: str = Field("redis-server", description="the Redis executable")
    redis_url: str = Field("", description="URL of your own Redis; empty: the embedded one")
    online_store: Literal["sqlite", "redis"] = Field("sqlite", description="store of online features")
    online_timeout: float = Field(0.1, gt=0, description="time-out of a feature lookup while serving, s")
    memory_limit: str = Field("4GB", description="memory of one DuckDB query; larger ones spill to disk")
    batch_rows: int = Field(16_384, ge=1, description="rows that batch inference scores at once")
    gateway_host: str = Field("127.0.0.1", description="address that the gateway binds to")
    gateway_port: int = Field(8443, description="gateway: REST and gRPC over TLS")
    gateway_metrics_port: int = Field(8405, description="gateway metrics")
    gateway_inner_port: int = Field(8406, description="gateway: gRPC on loopback, for the facade")
    facade_port: int = Field(8407, description="REST facade, on loopback behind the gateway")
    gateway_servers: tuple[GatewayServer, ...] = Field(
        (), description="more model servers, as JSON: [{name, host, grpc_port, http_port, metrics_port}]"
    )
    gateway_certificate: Path = Field(
        Path(), description="PEM file with certificate and key; default: self-signed, below <home>/gateway"
    )
    gateway_audience: str = Field(
        "moebius", pattern=r"^[\w.:/-]+$", description="audience that a client's token must name"
    )
    gateway_body_limit: int = Field(262_144, ge=1024, le=16_777_216, description="largest body of a request, bytes")
    gateway_patience: int = Field(5, ge=1, description="time in which a client must send its request, s")
    gateway_answer: int = Field(5, ge=1, description="time after which a request is sent to another model server, s")
    gateway_connections: int = Field(512, ge=1, description="limit of client connections")
    gateway_connections_per_source: int = Field(64, ge=1, description="limit of connections from one address")
    haproxy_binary: str = Field("haproxy", description="the HAProxy executable")
    triton_venv: Path = Field(ROOT / ".venv-triton", description="environment of the Triton server")
    prometheus_binary: str = Field("prometheus", description="the Prometheus executable")
    airflow_user: str = Field("admin", description="login of the embedded Airflow")
    airflow_password: SecretStr = Field(SecretStr("moebius"), description="password of the embedded Airflow")
    airflow_users: dict[str, Role] = Field(
        {"engineer": "engineer", "operator": "operator", "approver": "approver", "auditor": "auditor"},
        description="further logins and their roles, as JSON; nobody approves their own request",
    )
    oidc_issuer: str = Field(
        "",
        pattern=r"^(https://\S+[^/\s]|http://(127\.0\.0\.1|localhost)(:\d+)?/\S*[^/\s])?$",
        description="issuer whose access tokens Airflow's REST API takes, a Keycloak realm's URL; empty: none",
    )
    oidc_client: str = Field(
        "moebius", pattern=r"^[\w.-]+$", description="client of the issuer: the audience of its tokens"
    )
    access: dict[Role, Level] = Field(
        {
            "viewer": "public",
            "engineer": "internal",
            "operator": "internal",
            "approver": "internal",
            "auditor": "internal",
            "admin": "personal",
        },
        description="highest privacy class that a role may read, as JSON",
    )
    table_access: dict[str, dict[Role, Level]] = Field(
        {}, description="the same for single tables, as JSON: <use case>.<table> to role to class"
    )
    recipients: dict[str, Recipient] = Field(
        {}, description="recipients of exports, as JSON: name to {role, key}; no key: <exchange>/recipients"
    )
    audit_days: dict[AuditKind, Annotated[int, Field(ge=1)]] = Field(
        {}, description="days that an event of the audit log is kept, as JSON by kind; see retention_days for defaults"
    )
    prices: Prices = Field(
        Prices(),
        description="prices for the cost pages, as JSON: {currency, cpu_hour, gpu_hour, memory_gb_month, "
        "storage_gb_month}; none set: they show seconds and bytes only",
    )
    private_key: SecretStr = Field(
        SecretStr(""), description="private key that opens exports to this environment; empty: the embedded key"
    )
    hand_over_keys: SecretStr = Field(
        SecretStr(""), description="pseudonym keys of hand-overs, not those of prod; empty: the embedded keys"
    )
    pseudonym_keys: SecretStr = Field(
        SecretStr(""),
        description="pseudonym keys, oldest first: k01:<secret>,k02:<secret>; empty: the embedded keys",
    )
    mlflow_user: str = Field("moebius", pattern=r"^[\w.-]+$", description="login of tasks and commands in MLflow")
    mlflow_password: SecretStr = Field(SecretStr(""), description="its password; empty: the embedded MLflow's")
    approval_key: SecretStr = Field(
        SecretStr(""),
        description="Ed25519 private key (base64) that signs approvals; empty: the embedded key",
    )
    notify_mail_connection: str = Field(
        "smtp_default", pattern=r"^\w+$", description="Airflow connection of the mail server that notices are sent by"
    )
    notify_mail_from: str = Field("moebius@localhost", description="sender of notices by mail")
    notify_addresses: dict[str, str] = Field(
        {}, description="mail addresses of logins and groups that notices go to, as JSON: name to address"
    )
    notify_webhooks: dict[str, str] = Field(
        {}, description="webhooks of Slack's form that notices go to, as JSON: channel to URL, or to ${VARIABLE}"
    )
    parallelism: int = Field(4, ge=1, description="largest number of Airflow tasks at once")
    alert_poll_seconds: float = Field(2.0, gt=0, description="time between two polls of the alert watcher, s")
    scrape_seconds: int = Field(1, ge=1, description="Prometheus scrape and rule interval")
    serving_timeout: float = Field(30.0, gt=0, description="time-out of calls to the model server, s")
    train_threads: int = Field(2, ge=1, description="threads of a fit")
    image: str = Field("moebius-training:latest", description="image of task_runtime=docker")
    revision: str = Field("", description="Git revision of the code; empty: ask Git")
    lineage_file: bool = Field(True, description="write OpenLineage events below <home>/lineage/")
    lineage_url: str = Field("", description="an OpenLineage consumer (Marquez, DataHub); empty: none")
    docker_url: str = Field("unix:///var/run/docker.sock", description="Docker engine")

    def model_post_init(self, _: object) -> None:
        for name, value in (self._dev_defaults() if self.environment == "dev" else {}).items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "home", self.home.expanduser().resolve())
        if "exchange" not in self.model_fields_set:
            prod = self.home if self.environment == "prod" else ROOT / "var"
            object.__setattr__(self, "exchange", prod / "exchange")
        object.__setattr__(self, "exchange", self.exchange.expanduser().resolve())
        if "audit_checkpoints" not in self.model_fields_set:
            beside = self.home if self.environment == "prod" or "home" in self.model_fields_set else ROOT / "var"
            default = beside.with_name(f"{beside.name}-checkpoints") / self.environment
            object.__setattr__(self, "audit_checkpoints", default)
        object.__setattr__(self, "audit_checkpoints", self.audit_checkpoints.expanduser().resolve())
        own = (self.airflow_user, "admin")
        others = [login for login, role in self.airflow_users.items() if (login, role) != own]
        if faults := dict.fromkeys(login_faults([*others, self.airflow_user])):
            raise SettingsError(f"MOEBIUS_AIRFLOW_USERS, with MOEBIUS_AIRFLOW_USER: {'; '.join(faults)}")
        for name in ("home", "exchange", "audit_checkpoints"):
            _require_usable(name, getattr(self, name))
        if self.audit_checkpoints.is_relative_to(self.home):
            raise SettingsError(
                f"MOEBIUS_AUDIT_CHECKPOINTS={str(self.audit_checkpoints)!r} is below the state root {self.home}: "
                "whoever can change the audit log could change its checkpoints too; choose a directory elsewhere, best "
                "on another machine or a disk that can only be added to"
            )

    def _dev_defaults(self) -> dict[str, Path | int]:
        """What dev has of its own, unless it was set: its state and every port."""
        ports = {name: getattr(self, name) + DEV_PORTS for name in type(self).model_fields if name.endswith("_port")}
        mine: dict[str, Path | int] = {"home": ROOT / "var" / "dev", **ports}
        return {name: value for name, value in mine.items() if name not in self.model_fields_set}

    def variables(self) -> dict[str, str]:
        """These settings as environment variables, for a process that is started; no secret is among them."""
        plain = {name: value for name, value in self.model_dump().items() if not isinstance(value, SecretStr)}
        return {f"MOEBIUS_{name.upper()}": _as_variable(value) for name, value in plain.items()}

    def secrets(self, names: Collection[str] = SECRETS) -> dict[str, str]:
        """These secrets as environment variables, for a process that works with personal data."""
        held = {
            "pseudonym_keys": self.keys_text(),
            "private_key": self.private_key_text(),
            "hand_over_keys": self.hand_over_keys_text(),
            "mlflow_password": self.mlflow_password_text(),
            "approval_key": self.approval_key_text(),
        }
        return {f"MOEBIUS_{name.upper()}": held[name] for name in names if held[name]}

    # -- what is told apart by environment
    def registered(self, name: str) -> str:
        """The name under which ``name`` is registered: in dev unlike in prod, should both share a server."""
        return name if self.environment == "prod" else f"{name}_{self.environment}"

    @property
    def title(self) -> str:
        """What the Airflow UI calls itself."""
        return "Moebius" if self.environment == "prod" else "Moebius DEV (sampled, pseudonymised data)"

    def role_of(self, user: str) -> Role:
        """The role of an Airflow login; raises SettingsError naming the logins that are known."""
        if user not in self.roles:
            known = sorted(self.roles)
            raise SettingsError(
                f"the login {user!r} has no role; known logins are {known}: add it to MOEBIUS_AIRFLOW_USERS"
            )
        return self.roles[user]

    @property
    def retention_days(self) -> dict[AuditKind, int]:
        """Days that an event of the audit log is kept: ten years for decisions and changes, three for the rest."""
        return {"decision": 3653, "change": 3653, "access": 1096, "use": 1096, **self.audit_days}

    @property
    def roles(self) -> dict[str, Role]:
        """Every login and its role."""
        return {**self.airflow_users, self.airflow_user: "admin"}

    # -- keys of exports
    def private_key_text(self) -> str:
        """The private key: the environment's, else the embedded platform's; '' when there is none."""
        return self._secret(self.private_key, self.private_key_file)

    def keys_text(self) -> str:
        """The pseudonym keys: the environment's, else those of the embedded platform; '' when there are none."""
        return self._secret(self.pseudonym_keys, self.key_file)

    def hand_over_keys_text(self) -> str:
        """The pseudonym keys of hand-overs, from the same places."""
        return self._secret(self.hand_over_keys, self.hand_over_key_file)

    def mlflow_password_text(self) -> str:
        """The password of ``mlflow_user``, from the same places."""
        return self._secret(self.mlflow_password, self.mlflow_password_file)

    def approval_key_text(self) -> str:
        """The key that signs approvals: the environment's, else the embedded platform's; '' when there is none.

        Never one of Airflow's variables: whoever may write those by REST could sign.
        """
        return self._secret(self.approval_key, self.approval_key_file)

    def kept_secret(self, name: str) -> str:
        """What the state root has in a file; '' when it has none."""
        files = {
            "pseudonym_keys": self.key_file,
            "private_key": self.private_key_file,
            "hand_over_keys": self.hand_over_key_file,
            "mlflow_password": self.mlflow_password_file,
            "approval_key": self.approval_key_file,
        }
        return files[name].read_text().strip() if files[name].is_file() else ""

    def _secret(self, given: SecretStr, file: Path) -> str:
        """Raises DamagedStateError when the file is damaged, and so is its copy."""
        return given.get_secret_value() or (state_file.read_plain(file).strip() if state_file.exists(file) else "")

    # -- addresses
    @property
    def airflow_url(self) -> str:
        # a browser keeps one login per host name, whatever the port: dev goes by another name
        host = "localhost" if (self.environment, self.host) == ("dev", "127.0.0.1") else self.host
        return f"http://{host}:{self.airflow_port}"

    @property
    def pages_url(self) -> str:
        """Where people find the Moebius pages."""
        return f"{(self.public_url or self.airflow_url).rstrip('/')}/moebius"

    @property
    def mlflow_url(self) -> str:
        return f"http://{self.host}:{self.mlflow_port}"

    @property
    def prometheus_url(self) -> str:
        return f"http://{self.host}:{self.prometheus_port}"

    @property
    def redis_address(self) -> str:
        return self.redis_url or f"redis://{self.host}:{self.redis_port}/0"

    @property
    def online_store_url(self) -> str:
        """``sqlite:///<path>`` or ``redis://…``: what features are served from."""
        return self.redis_address if self.online_store == "redis" else sqlite_url(self.feature_store / "online.db")

    @property
    def served_store_url(self) -> str:
        """The same as the model server names it."""
        database = Path(self.served(self.feature_store / "online.db"))
        return self.redis_address if self.online_store == "redis" else sqlite_url(database)

    @property
    def feature_project(self) -> str:
        """The name under which Feast keeps definitions and online values apart from other environments."""
        return self.registered("moebius")

    @property
    def triton_grpc(self) -> str:
        return f"{self.host}:{self.triton_grpc_port}"

    def replica(self, server: GatewayServer) -> Self:
        """These settings, with this server's Triton in the place of the embedded one."""
        ports = {f"triton_{port}": value for port, value in server.model_dump().items() if port.endswith("_port")}
        return self.model_copy(update={"host": server.host, **ports})

    @property
    def triton_http(self) -> str:
        return f"{self.host}:{self.triton_http_port}"


def _require_usable(name: str, path: Path) -> None:
    if letters := sorted(set(UNUSABLE.findall(str(path)))):
        raise SettingsError(
            f"MOEBIUS_{name.upper()}={str(path)!r}: a path of state cannot hold {', '.join(map(repr, letters))}, which "
            "servers take for patterns, variables, quotes or separators; choose a directory of another name"
        )


def _as_variable(value: object) -> str:
    return json.dumps(value) if isinstance(value, dict | list | tuple) else str(value)


@lru_cache
def load_settings() -> Settings:
    """The settings of this process. Raises SettingsError when an environment variable has an impossible value."""
    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(
            f"MOEBIUS_{'_'.join(map(str, e['loc'])).upper()}={e['input']!r}: {e['msg']}" for e in error.errors()
        )
        raise SettingsError(f"unusable settings: {faults}") from error
    except NotJsonError as error:
        fields = ((name, field) for name, field in Settings.model_fields.items() if f'"{name}"' in str(error))
        what = "".join(f"MOEBIUS_{name.upper()} is not JSON: {field.description}" for name, field in fields)
        raise SettingsError(f"unusable settings: {what or error} ({error.__cause__})") from error
