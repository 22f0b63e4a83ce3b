"""Redis: how the embedded server is started, and whether it answers. State: ``<home>/redis``."""

from pathlib import Path

import redis

from include.errors import SettingsError, service_error_of
from include.settings import Settings

OWNER = "moebius:environment"


def directory(settings: Settings) -> Path:
    """Where it keeps its data; must exist before it starts."""
    return settings.home / "redis"


def command(settings: Settings) -> list[str]:
    """The server on loopback; an append-only file has what it acknowledged, synced every second.

    A power cut may lose the last second; so may a kill while the disk is slow, which holds the file back for up to 2 s.
    """
    options = {
        "bind": settings.host,
        "port": str(settings.redis_port),
        "dir": str(directory(settings)),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
    }
    return [settings.redis_binary, *(word for name, value in options.items() for word in (f"--{name}", value))]


def ready(url: str) -> bool:
    """True when it answers; False while it starts, loads its data, or is away."""
    with redis.Redis.from_url(url, socket_timeout=5) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def answers(url: str) -> bool:
    """Whether it says anything, also that it is busy or refuses."""
    with redis.Redis.from_url(url, socket_timeout=5) as client:
        try:
            return bool(client.ping())
        except (redis.BusyLoadingError, redis.AuthenticationError, redis.ResponseError):
            return True
        except redis.RedisError:
            return False


def claim(settings: Settings) -> None:
    """Mark a database of your own as this environment's.

    Raises
    ------
    SettingsError
        it is another environment's.
    ServiceError
        it does not answer.
    """
    opened = redis.Redis.from_url(settings.redis_address, socket_timeout=5, decode_responses=True)
    words = "the Redis of MOEBIUS_REDIS_URL does not answer ({})"
    with service_error_of(redis.RedisError, words), opened as client:
        client.set(OWNER, settings.environment, nx=True)
        owner = client.get(OWNER)
    if owner != settings.environment:
        raise SettingsError(
            f"the Redis database of MOEBIUS_REDIS_URL is {owner}'s, and this is {settings.environment}: give each "
            f"environment a database of its own, like redis://…/1"
        )
