"""A real Redis on a free port of 127.0.0.1."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from include.adapters import redis_server
from include.settings import Settings
from tests.integration.metrics_server_fixtures import wait_until
from tests.integration.ports import free_port


@contextmanager
def running_redis(home: Path, port: int | None = None) -> Iterator[Settings]:
    """Settings whose Redis runs, until the block ends."""
    if not shutil.which("redis-server"):
        pytest.skip("Redis is not installed: apt-get install redis-server")
    settings = Settings(home=home, redis_port=port or free_port())
    redis_server.directory(settings).mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(redis_server.command(settings), stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: redis_server.ready(settings.redis_address), "Redis being ready")
        yield settings
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture
def redis_settings(tmp_path: Path) -> Iterator[Settings]:
    with running_redis(tmp_path) as settings:
        yield settings
