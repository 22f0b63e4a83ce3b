"""Redis: how the embedded server is started, and whether it answers. State: ``<home>/redis``."""

from pathlib import Path

import redis

from include.settings import Settings


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


def ready(settings: Settings) -> bool:
    """True when it answers; False while it starts, loads its data, or is away."""
    client = redis.Redis.from_url(settings.redis_address, socket_timeout=5)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
