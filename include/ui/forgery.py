"""Whether a person sent a form of these pages, or another site had the person's browser send it.

A browser sends Airflow's login cookie by itself. Airflow sets it with ``SameSite=Lax``, so no other site's form brings
it; sites below the same domain and old browsers are left. So a form must come from our own origin, by the headers that
no script can set, and bring a signature that only a page shown to this login for this action has.
"""

import hmac
import json
import secrets
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from include.ui.language import marked

SECONDS = 3600
"""How long a form can be sent after it was shown."""
FOREIGN = marked("The form did not come from a page of Moebius: nothing was done. Open the action's page and send it.")
FORGED = marked("The form's signature is not that of this login and action: nothing was done. Send this form instead.")
EXPIRED = marked("The form was open for more than an hour: nothing was done. Look it over and send it again.")


class Purpose(NamedTuple):
    """What a signature is for: it counts for nothing else."""

    login: str
    usecase: str
    action: str


def key(secret: str) -> bytes:
    """The key of these signatures, made from a secret that is also used for something else.

    Raises ValueError without a secret: everybody knows what is made from nothing.
    """
    if not secret:
        raise ValueError("[api] secret_key of Airflow is empty, so no form can be signed; set AIRFLOW__API__SECRET_KEY")
    return hmac.digest(secret.encode(), b"moebius: forms of actions", "sha256")


def signature(key: bytes, purpose: Purpose, now: datetime, nonce: str = "") -> str:
    """For a form that is shown at this moment; no two are the same."""
    text = f"{now.timestamp():.0f}.{nonce or secrets.token_hex(8)}"
    return f"{text}.{_mac(key, purpose, text)}"


def fault(key: bytes, purpose: Purpose, given: str, now: datetime) -> str:
    """Why the signature does not count, one of the texts above; '' when it does."""
    text, _, mac = given.rpartition(".")
    if not hmac.compare_digest(mac.encode(), _mac(key, purpose, text).encode()):
        return FORGED
    age = now.timestamp() - float(text.partition(".")[0])
    return "" if -1 <= age <= SECONDS else EXPIRED


def run_id(given: str) -> str:
    """The name of the run that a form starts: a form that is sent twice starts one. Its signature is a good one."""
    shown, nonce, _ = given.split(".")
    at = datetime.fromtimestamp(float(shown), UTC)
    return f"manual__{at.isoformat(timespec='seconds')}_{nonce}"


def foreign(headers: Mapping[str, str], own: Collection[str]) -> str:
    """Why the request does not come from one of our ``own`` origins, like ``https://host:port``; '' when it does.

    A browser says of every form that it sends where the form is from; without the header it is no browser's.
    """
    site, sent_from = headers.get("sec-fetch-site", "same-origin"), _origin(headers.get("origin", ""))
    return "" if site == "same-origin" and sent_from and sent_from in map(_origin, own) else FOREIGN


def _origin(url: str) -> str | None:
    """As browsers write it; None for what is none, like ``null``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.scheme and parts.netloc else None


def _mac(key: bytes, purpose: Purpose, text: str) -> str:
    return hmac.digest(key, json.dumps([*purpose, text]).encode(), "sha256").hex()
