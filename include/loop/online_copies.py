"""What is stored to be looked up quickly: online features in SQLite and Redis, and what streams keep in Redis."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from include.adapters import redis_server
from include.adapters.redis_keys import RedisKeys
from include.adapters.sqlite_keys import SqliteKeys
from include.adapters.stream_contents import StreamContents
from include.governance.erasure import Changed
from include.loop.privacy import redis_runs
from include.services.composition import Services
from include.specification.usecase import UseCase

Line = Callable[[bytes], bytes]


def values(spec: UseCase, services: Services, column: str) -> set[str]:
    """Entity keys, and what events and rows of streams have in ``column``."""
    with _online(services) as stores, _streams(spec, services) as streams:
        keys = [key for store in stores.values() for key in store.texts()]
        named = {value for one in streams for document in one.documents() for value in _named(document, column)}
    return named | {key[key.rfind(b"\0") + 1 :].decode(errors="replace") for key in keys}


def copy(services: Services, line: Line) -> dict[str, int]:
    """Put the features of each key that ``line`` changes under the changed key too; how many, by place."""
    with _online(services) as stores:
        return {place: store.copy(line) for place, store in stores.items()}


def delete(services: Services, line: Line) -> dict[str, int]:
    """Delete the features of each key that ``line`` changes; how many, by place."""
    with _online(services) as stores:
        return {place: count for place, store in stores.items() if (count := store.delete(line))}


def erase_streamed(spec: UseCase, services: Services, line: Line) -> list[Changed]:
    """Delete what ``line`` changes of what streams keep."""
    with _streams(spec, services) as streams:
        return [Changed(f"redis/{key}", *counts) for one in streams for key, counts in one.erase(line).items()]


def renew_streamed(spec: UseCase, services: Services, line: Line) -> list[Changed]:
    """Change what streams keep, in its place."""
    with _streams(spec, services) as streams:
        return [Changed(f"redis/{key}", *counts) for one in streams for key, counts in one.renew(line).items()]


def forget(services: Services) -> None:
    """Redis writes its file anew: until then, what was deleted still stands in it."""
    if redis_runs(services):
        redis_server.compact(services.settings.redis_address)


@contextmanager
def _online(services: Services) -> Iterator[dict[str, SqliteKeys | RedisKeys]]:
    """Both stores, by place, whichever is in use now: the other one may have been earlier."""
    sqlite = SqliteKeys(services.settings.feature_store / "online.db")
    if not redis_runs(services):
        yield {"feature_store/online": sqlite}
        return
    with closing(RedisKeys(services.settings.redis_address, services.settings.feature_project)) as store:
        yield {"feature_store/online": sqlite, "redis/online": store}


@contextmanager
def _streams(spec: UseCase, services: Services) -> Iterator[list[StreamContents]]:
    """[] without a Redis."""
    if not redis_runs(services):
        yield []
        return
    with closing(StreamContents(services.settings.redis_address, spec.name)) as streams:
        yield [streams]


def _named(document: object, column: str) -> Iterator[str]:
    """The values of every field ``column``, however deep."""
    if isinstance(document, list):
        for one in document:
            yield from _named(one, column)
    if isinstance(document, dict):
        for name, value in document.items():
            if name == column and isinstance(value, str | int | float):
                yield str(value)
            else:
                yield from _named(value, column)
