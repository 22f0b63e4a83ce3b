"""The environment of this process: the only module that reads ``os.environ`` itself; settings are read by name."""

import os
import re
import time
from collections.abc import Mapping

from include.errors import SettingsError
from include.settings import SECRETS

REFERENCE = re.compile(r"\$\{(connection:)?(\w+)\}")
PRIVATE = re.compile(r"PROMETHEUS_MULTIPROC(ESS)?_DIR|(SUPERVISOR|HOLDER)_\w+|MOEBIUS_SERVICE(_PID)?")
"""Of one process alone: what Feast sets when it is imported (the directory is removed when that process ends), what
supervisord tells its programs, and which service the process belongs to."""


def resolve(text: str) -> str:
    """The text with each ``${NAME}`` replaced by that environment variable: so secrets stay out of the spec.

    ``${connection:NAME}`` is the URI of the Airflow connection that ``AIRFLOW_CONN_<NAME>`` holds.

    Raises SettingsError when the variable is not set.
    """
    return REFERENCE.sub(_variable, text)


def _variable(match: re.Match[str]) -> str:
    connection, name = match.groups()
    variable = f"AIRFLOW_CONN_{name.upper()}" if connection else name
    if variable not in os.environ:
        raise SettingsError(
            f"a source needs the environment variable {variable}, which is not set: set it where `make up` is typed, "
            "then `make down` and `make up`, since a process keeps the environment of its start"
        )
    return os.environ[variable]


def inherited_environment(*without: str) -> dict[str, str]:
    """The environment that a process which we start inherits, less the variables named, and without any secret.

    A process is given the secrets that are declared for it.
    """
    secret = [f"MOEBIUS_{name.upper()}" for name in SECRETS]
    left_out = (*secret, *without)
    return {name: value for name, value in os.environ.items() if name not in left_out and not PRIVATE.fullmatch(name)}


def use_utc() -> None:
    """Make this process reckon in UTC: Feast's SQLite store keeps times as local seconds."""
    os.environ["TZ"] = "UTC"
    time.tzset()


def default_environment(variables: Mapping[str, str]) -> None:
    """Set what libraries read from the environment only; what is set there already stays."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)
