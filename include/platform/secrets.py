"""Which secret is called what in the environment of a process, and where its value comes from.

A process is given the secrets that its declaration names, and inherits no other.
"""

import re
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path

from include.adapters.experiment_server import ADMIN
from include.formats import state_file
from include.process_environment import REFERENCE, inherited_environment
from include.settings import ROOT, SECRETS, Settings

SOURCES = "sources"
"""What sources of the specs name: ``${NAME}`` and Airflow connections."""
GIVEN = "given"
"""What the operator gave in the environment of ``up``: no file has it, so supervisord carries it for later starts."""
CONNECTION = "AIRFLOW_CONN_"
LOGIN = "MOEBIUS_AIRFLOW_PASSWORD"
MADE = {
    "airflow_jwt": ("AIRFLOW__API_AUTH__JWT_SECRET", "airflow/jwt.secret"),
    "airflow_api": ("AIRFLOW__API__SECRET_KEY", "airflow/api.secret"),
    "mlflow_admin": ("MLFLOW_AUTH_ADMIN_PASSWORD", "keys/mlflow_admin.password"),
    "mlflow_flask": ("MLFLOW_FLASK_SERVER_SECRET_KEY", "keys/mlflow_flask.secret"),
}
"""Secrets between processes of ours: variable, and the file below the state root in which it is made once."""
NAMES = frozenset({*SECRETS, *MADE, SOURCES, GIVEN})
HANDED_ON = frozenset(
    {
        *(f"MOEBIUS_{name.upper()}" for name in (*SECRETS, "airflow_password")),
        *(variable for variable, _ in MADE.values()),
        "MLFLOW_TRACKING_PASSWORD",
        "MLFLOW_TRACKING_TOKEN",
    }
)
"""Variables that no process inherits."""


def environment(settings: Settings, names: Collection[str]) -> dict[str, str]:
    """The variables of these secrets; makes those that are made once."""
    made = {variable: _made(settings, variable, file) for name, (variable, file) in MADE.items() if name in names}
    sources = of_sources(inherited_environment())
    return {
        **settings.secrets([name for name in names if name in SECRETS]),
        **made,
        **(sources if SOURCES in names else {}),
        **(given(settings) if GIVEN in names else {}),
    }


def given(settings: Settings) -> dict[str, str]:
    """Secrets that stand in this process's environment and in no file of the state root."""
    there = inherited_environment()
    plain = {**of_sources(there), **{name: there[name] for name in _made_variables() if name in there}}
    held = settings.secrets()
    mine = {f"MOEBIUS_{name.upper()}": name for name in SECRETS if getattr(settings, name).get_secret_value()}
    kept = {variable: held[variable] for variable, name in mine.items() if held[variable] != settings.kept_secret(name)}
    login = {LOGIN: settings.airflow_password.get_secret_value()} if LOGIN in there else {}
    return {**plain, **kept, **login}


def carried_names(settings: Settings) -> set[str]:
    """Variables with secrets that may stand in supervisord's environment."""
    return {*HANDED_ON, *source_variables(), *given(settings)}


def needed_to_start(service: str, names: Collection[str]) -> set[str]:
    """The variables of the secrets with which a service is started, as far as supervisord may carry them."""
    needed = {f"MOEBIUS_{name.upper()}" for name in names if name in SECRETS}
    needed |= {variable for name, (variable, _) in MADE.items() if name in names}
    if SOURCES in names:
        needed |= {*source_variables(), *of_sources(inherited_environment())}
    if service == "airflow-api":
        needed.add(LOGIN)  # it writes the file of logins
    return needed


def _made_variables() -> set[str]:
    return {variable for variable, _ in MADE.values()}


def without(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without any secret."""
    left_out = {*HANDED_ON, *of_sources(environment)}
    return {name: value for name, value in environment.items() if name not in left_out}


def of_a_source(variable: str) -> bool:
    return bool(of_sources({variable: ""}))


def of_sources(environment: Mapping[str, str]) -> dict[str, str]:
    named = source_variables()
    return {name: value for name, value in environment.items() if name.startswith(CONNECTION) or name in named}


def source_variables() -> dict[str, list[str]]:
    """Each variable that a spec names, to the use cases that do; a spec that cannot be loaded counts too."""
    named: dict[str, list[str]] = {}
    for file in sorted((ROOT / "include" / "usecases").glob("*/usecase.yaml")):
        for is_connection, name in REFERENCE.findall(re.sub(r"(?m)^\s*#.*$", "", file.read_text())):
            variable = f"{CONNECTION}{name.upper()}" if is_connection else name
            named.setdefault(variable, []).append(file.parent.name)
    return named


def mlflow_login(settings: Settings) -> tuple[str, str]:
    """User and password with which a person administers MLflow."""
    return ADMIN, _made(settings, *MADE["mlflow_admin"])


def _made(settings: Settings, variable: str, file: str) -> str:
    """The operator's value, else the one of this state root: logins survive a restart."""
    if given := inherited_environment().get(variable):
        return given
    path = settings.home / Path(file)
    if not state_file.exists(path):
        state_file.write(path, secrets.token_urlsafe(48), private=True, plain=True)
    return state_file.read_plain(path).strip()
