"""Forms of the pages change something only when our own page sent them: a token of the login, and the browser's word.

Airflow's login is a cookie, which a browser also sends with a form of another site. Such a form has no token, and the
browser says where it comes from (``Sec-Fetch-Site``, ``Origin``).
"""

import hmac
import time
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from urllib.parse import urlsplit

from airflow.configuration import conf
from fastapi import HTTPException

FIELD = "csrf"
"""The hidden field of a form."""
SECONDS = 12 * 3600
"""How long a page may stay open before its form is sent."""


@cache
def _key() -> bytes:
    """Of all API servers of this Airflow, which share its secret key."""
    return sha256(f"moebius pages {conf.get('api', 'secret_key')}".encode()).digest()


def token(login: str, now: float | None = None) -> str:
    """What the form of a page that this login looks at carries."""
    until = int((time.time() if now is None else now) + SECONDS)
    return f"{until}.{_signature(login, until)}"


def require(login: str, given: str, headers: Mapping[str, str], now: float | None = None) -> None:
    """Raises HTTPException 403 unless a page that this login looked at sent the form."""
    if why := fault(login, given, headers, time.time() if now is None else now):
        raise HTTPException(403, f"{why}: nothing was changed. Open the page again and send its form")


def fault(login: str, given: str, headers: Mapping[str, str], now: float) -> str:
    """Why the form does not count; '' when it does."""
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return "another site sent the form"
    if (origin := headers.get("origin")) and urlsplit(origin).netloc != headers.get("host"):
        return "another site sent the form"
    until, _, signature = given.partition(".")
    known = _signature(login, int(until)) if until.isascii() and until.isdigit() else "no time"
    if not hmac.compare_digest(signature.encode(), known.encode()):
        return "the form has no token of this login"
    return "the page was open for too long" if int(until) < now else ""


def _signature(login: str, until: int) -> str:
    return hmac.new(_key(), f"{until} {login}".encode(), sha256).hexdigest()
