"""Redis: how the embedded server is started, and whether it answers. State: ``<home>/redis``."""

import time
from pathlib import Path
from typing import Any

import redis

from include.errors import ServiceError, SettingsError
from include.settings import Settings

OWNER = "moebius:environment"


def directory(settings: Settings) -> Path:
    """Where it keeps its data; must exist before it starts."""
    return settings.home / "redis"


def command(settings: Settings) -> list[str]:
    """The server on loopback; what it acknowledged is on disk (append-only file, synced every second)."""
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
    client = redis.Redis.from_url(url, socket_timeout=5)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def claim(settings: Settings) -> None:
    """Mark a database of your own as this environment's.

    Raises
    ------
    SettingsError
        it is another environment's.
    ServiceError
        it does not answer.
    """
    client = redis.Redis.from_url(settings.redis_address, socket_timeout=5, decode_responses=True)
    try:
        client.set(OWNER, settings.environment, nx=True)
        owner = client.get(OWNER)
    except redis.RedisError as error:
        raise ServiceError(f"the Redis of MOEBIUS_REDIS_URL does not answer ({type(error).__name__})") from error
    finally:
        client.close()
    if owner != settings.environment:
        raise SettingsError(
            f"the Redis database of MOEBIUS_REDIS_URL is {owner}'s, and this is {settings.environment}: give each "
            f"environment a database of its own, like redis://…/1"
        )


def compact(url: str, patience: float = 600.0) -> None:
    """Have the append-only file written anew, so that what was deleted is not in it either; nothing without one.

    Raises
    ------
    ServiceError
        it does not answer, refuses, fails, or takes longer than ``patience`` seconds.
    """
    client: Any = redis.Redis.from_url(url, socket_timeout=10)
    try:
        if client.info("persistence")["aof_enabled"]:
            _await_rewriting(client, patience)  # one that began earlier may still hold what was deleted
            client.bgrewriteaof()
            if _await_rewriting(client, patience)["aof_last_bgrewrite_status"] != "ok":
                raise ServiceError("Redis could not write its append-only file anew: see its log, and repeat")
    except redis.RedisError as error:
        raise ServiceError(
            f"Redis did not write its append-only file anew ({type(error).__name__}), in which deleted rows stand "
            "until then: allow BGREWRITEAOF and repeat"
        ) from error
    finally:
        client.close()


def _await_rewriting(client: Any, patience: float) -> dict[str, Any]:
    """What it says of its files when no rewriting of them is under way."""
    deadline = time.monotonic() + patience
    while True:
        facts: dict[str, Any] = client.info("persistence")
        if not (facts["aof_rewrite_in_progress"] or facts["aof_rewrite_scheduled"]):
            return facts
        if time.monotonic() > deadline:
            raise ServiceError(f"Redis is writing its append-only file for more than {patience:.0f} s; repeat later")
        time.sleep(0.02)
