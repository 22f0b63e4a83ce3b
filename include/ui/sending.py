"""A form that a person sends: whose token asks Airflow, what the form holds, and whether the person sent it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import parse_qsl

from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.configuration import conf
from fastapi import Depends, HTTPException, Request

from include.adapters.airflow_rest import AirflowRest
from include.settings import load_settings
from include.ui import forgery
from include.ui.forgery import Purpose

LARGEST = 100_000
"""Bytes of a form."""
SIGNATURE = "signature"
"""The field with the form's signature."""


async def form_of(request: Request) -> dict[str, str]:
    """The fields that were sent; raises HTTPException 413 when they are too large."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise HTTPException(413, f"a form has at most {LARGEST} bytes")
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))


def airflow_of(request: Request) -> Iterator[AirflowRest]:
    """Airflow's REST API with the token that this request came with: a page has no rights of its own."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    token = given.strip() if kind.lower() == "bearer" else request.cookies.get(COOKIE_NAME_JWT_TOKEN, "")
    airflow = AirflowRest(load_settings().airflow_url, token, str(request.url))
    try:
        yield airflow
    finally:
        airflow.close()


class Seal:
    """Signs the forms of this request's pages, and checks those that are sent."""

    def __init__(self, request: Request) -> None:
        self._headers = request.headers
        host, base = request.headers.get("host", ""), conf.get("api", "base_url", fallback="")
        self._own = (f"http://{host}", f"https://{host}", base)
        try:
            self._key = forgery.key(conf.get("api", "secret_key", fallback=""))
        except ValueError as error:
            raise HTTPException(503, str(error)) from error

    def signature(self, purpose: Purpose) -> str:
        """For a form that is shown now."""
        return forgery.signature(self._key, purpose, datetime.now(UTC))

    def fault(self, purpose: Purpose, form: dict[str, str]) -> str:
        """Why the form does not count, a text of the catalogues; '' when it does."""
        foreign = forgery.foreign(self._headers, self._own)
        return foreign or forgery.fault(self._key, purpose, form.get(SIGNATURE, ""), datetime.now(UTC))

    def require(self, purpose: Purpose, given: str) -> None:
        """Raises HTTPException 403 unless a page that the login looked at for this purpose sent the form."""
        if why := self.fault(purpose, {SIGNATURE: given}):
            raise HTTPException(403, why)


FormDep = Annotated[dict[str, str], Depends(form_of)]
AirflowDep = Annotated[AirflowRest, Depends(airflow_of)]
SealDep = Annotated[Seal, Depends()]
