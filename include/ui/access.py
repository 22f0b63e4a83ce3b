"""What every page needs: a signed-in reader, and errors of Moebius as HTTP errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from fastapi import Depends, HTTPException

from include.errors import MoebiusError, ServiceError

SIGNED_IN = [Depends(requires_access_view(AccessView.PLUGINS))]
"""Dependencies of a route whose reader must be logged in and may see plugins."""


@contextmanager
def http_errors() -> Iterator[None]:
    """503 when an outside system does not answer, 404 for every other error of Moebius."""
    try:
        yield
    except MoebiusError as error:
        status = 503 if isinstance(error, ServiceError) else 404
        raise HTTPException(status_code=status, detail=str(error)) from error
