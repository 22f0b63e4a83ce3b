"""What Airflow's backends know: secrets and the addresses of connections, for what runs without Airflow."""

import re

from airflow.sdk import Connection, Variable
from airflow.sdk.exceptions import AirflowNotFoundException

from include.errors import NotFoundError
from include.process_environment import resolve

CONNECTION = re.compile(r"\$\{connection:(\w+)\}")


def secret(name: str) -> str:
    """The Airflow variable ``moebius_<name>``, from whichever backend has it; '' when none does."""
    return str(Variable.get(f"moebius_{name}", default="") or "")


def resolve_reference(text: str) -> str:
    """``${NAME}`` is an environment variable, ``${connection:NAME}`` the URI of an Airflow connection.

    Raises
    ------
    NotFoundError
        Airflow has no such connection.
    SettingsError
        the variable is not set.
    """
    return resolve(CONNECTION.sub(_connection_uri, text))


def _connection_uri(match: re.Match[str]) -> str:
    name = match.group(1)
    try:
        return Connection.get(name).get_uri()
    except AirflowNotFoundException:
        raise NotFoundError(f"Airflow has no connection {name!r}; make it under Admin, Connections") from None
