"""Messages to chat channels with an incoming webhook of Slack's form (fulfils ports.notices.Channels).

Slack, Mattermost, Rocket.Chat and Teams' workflows take it: a POST of ``{"text": …}``. The address is a secret.
"""

import logging

import httpx

from include.errors import ServiceError
from include.formats import certificates

logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole URLs, which are secrets here
PATIENCE = 10.0


class Webhooks:
    """Sends each message once; a redirection is not followed, so that no message goes where nobody said."""

    def post(self, url: str, text: str) -> None:
        try:
            answer = httpx.post(url, json={"text": text}, timeout=PATIENCE, verify=certificates.needed(url))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceError(f"the webhook does not answer ({type(error).__name__}): check its address") from None
        if not answer.is_success:
            raise ServiceError(f"the webhook refused the message with {answer.status_code}: check its address")
