"""A chat channel that takes messages, as steps see it."""

from typing import Protocol


class Channels(Protocol):
    """Channels with an incoming webhook."""

    def post(self, url: str, text: str) -> None:
        """Send a message; raises ServiceError, which does not repeat the address, when it was not taken."""
