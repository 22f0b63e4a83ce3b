"""Logins of people in MLflow: those of Airflow whose role reads internal values, and nobody else's.

MLflow shows figures, slices and model cards, which are internal. A login reads, or administers as ``admin``; what is
written there decides nothing (``include.governance.approval``), so nobody else needs to write.
"""

import json
import re
import secrets
from pathlib import Path
from typing import Protocol

from include.adapters.experiment_server.server import ADMIN, directory
from include.contracts.governance import experiment_right
from include.formats import state_file
from include.settings import Settings

READ_BY_POST = re.compile(
    r"/graphql|/(ajax-)?api/2\.0/mlflow/((experiments|runs|logged-models)/search|registered-models/get-latest-versions)"
    r"|/(ajax-)?api/2\.0/?mlflow/experiments/search-datasets"
    r"|/(ajax-)?api/3\.0/mlflow/((datasets|issues|traces)/search|traces/batchGetInfos)"
)
"""What is asked with POST and changes nothing."""


def changes(method: str, path: str) -> bool:
    """Whether a request may change something. MLflow lets everybody make experiments and models, and own them."""
    return method not in ("GET", "HEAD", "OPTIONS") and not READ_BY_POST.fullmatch(path)


class Login(Protocol):
    username: str
    is_admin: bool


class Logins(Protocol):
    """MLflow's store of logins, as far as it is needed."""

    def list_users(self) -> list[Login]: ...
    def create_user(self, username: str, password: str, is_admin: bool = False) -> object: ...
    def update_user(self, username: str, password: str | None = None, is_admin: bool | None = None) -> object: ...
    def delete_user(self, username: str) -> None: ...


def passwords_file(settings: Settings) -> Path:
    """Login → password, for its owner: not those of Airflow, since a service learns what is typed into it."""
    return directory(settings) / "passwords.json"


def people(settings: Settings) -> dict[str, bool]:
    """Login → whether it administers. MLflow's own administrator and the login of tasks are not among them."""
    levels = settings.access
    rights = {login: experiment_right(role, levels.get(role, "none")) for login, role in settings.roles.items()}
    own = (ADMIN, settings.mlflow_user)
    return {login: right == "admin" for login, right in rights.items() if right != "none" and login not in own}


def made(settings: Settings) -> dict[str, str]:
    """The logins that were made here, with their passwords."""
    file = passwords_file(settings)
    return json.loads(state_file.read_plain(file)) if state_file.exists(file) else {}


def align(settings: Settings, logins: Logins) -> None:
    """Make the logins that are missing, take away those made here whose person went, give each the right it has now.

    The file is written first: what a kill leaves is completed by the next start. A login that somebody made by hand
    stays; ``moebius access review`` names it.
    """
    wanted, known = people(settings), made(settings)
    there = {login.username: login for login in logins.list_users()}
    passwords = {login: known.get(login) or secrets.token_urlsafe(16) for login in wanted}
    gone = sorted(set(known) - set(wanted))
    state_file.write(passwords_file(settings), json.dumps({**passwords, **{g: known[g] for g in gone}}), **PRIVATE)
    for login in gone:
        if login in there:
            logins.delete_user(login)
    for login, administers in wanted.items():
        if login not in there:
            logins.create_user(login, passwords[login], is_admin=administers)
        elif login not in known or there[login].is_admin != administers:
            logins.update_user(login, password=passwords[login], is_admin=administers)
    state_file.write(passwords_file(settings), json.dumps(passwords), **PRIVATE)


PRIVATE = {"private": True, "plain": True}
