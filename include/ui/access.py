"""What every page needs: a signed-in reader whose role may read what it shows, and errors as HTTP errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from fastapi import Depends, HTTPException

from include.errors import AccessError, MoebiusError, ServiceError, SettingsError
from include.services.composition import Services
from include.settings import load_settings
from include.specification.usecase import UseCase

SIGNED_IN = [Depends(requires_access_view(AccessView.PLUGINS))]
"""Dependencies of a route whose reader must be logged in and may see plugins."""


def require_values(user: BaseUser, spec: UseCase, table: str) -> None:
    """Raise AccessError unless the reader's role reads public columns of the table; SettingsError without a role.

    The role is that of our auth manager, or with another one that of MOEBIUS_AIRFLOW_USERS.
    """
    services, login = Services(load_settings()), user.get_name()
    role = getattr(user, "role", None) or services.settings.role_of(login)
    if not services.access.reads(role, spec, table, "public"):
        raise AccessError(f"the role {role!r} of {login!r} reads nothing of {spec.name}.{table}: ask a higher role")


@contextmanager
def http_errors() -> Iterator[None]:
    """403 for what a role may not read, 503 when an outside system does not answer, otherwise 404."""
    try:
        yield
    except MoebiusError as error:
        refused = isinstance(error, AccessError | SettingsError)
        status = 403 if refused else 503 if isinstance(error, ServiceError) else 404
        raise HTTPException(status_code=status, detail=str(error)) from error
