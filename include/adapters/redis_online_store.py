"""Feast's Redis online store, changed so that an older value never replaces a newer one.

Feast loads it by its name (``online_store.type``). The layout stays Feast's own: one hash per entity key, a field per
feature (murmur3 of ``<view>:<feature>``) and ``_ts:<view>``. Feast's own store compares in the client, so that two
writers can race, and drops a correction with the same time.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import redis
from feast.feature_view import FeatureView
from feast.infra.online_stores.helpers import _mmh3, _redis_key
from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import RepoConfig
from feast.utils import make_tzaware
from google.protobuf.timestamp_pb2 import Timestamp

BATCH = 1000
SECONDS = 30.0
# Redis runs a script alone, so that nobody writes between the comparison and the write. A stored time is a
# google.protobuf.Timestamp: field 1 seconds, field 2 nanoseconds, both varints.
NEWEST = """
local function parsed(text)
  local fields, at = {0, 0}, 1
  while at <= #text do
    local field = math.floor(string.byte(text, at) / 8)
    local value, scale = 0, 1
    at = at + 1
    while true do
      local byte = string.byte(text, at)
      at = at + 1
      value = value + (byte % 128) * scale
      scale = scale * 128
      if byte < 128 then break end
    end
    fields[field] = value
  end
  return fields
end
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if stored then
  local old, new = parsed(stored), parsed(ARGV[2])
  if old[1] > new[1] or (old[1] == new[1] and old[2] > new[2]) then return 0 end
end
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1
"""


class NewestRedisOnlineStoreConfig(RedisOnlineStoreConfig):
    """``connection_string`` is a URL: ``redis://[[user]:password@]host:port/db``, ``rediss://`` with TLS."""

    type: str = "include.adapters.redis_online_store.NewestRedisOnlineStore"


class NewestRedisOnlineStore(RedisOnlineStore):
    """Writes in pipelines of ``BATCH`` rows; each row is compared and written in one step inside Redis."""

    _client: redis.Redis | None = None

    def _get_client(self, online_store_config: RedisOnlineStoreConfig) -> redis.Redis:
        if not self._client:
            self._client = redis.Redis.from_url(
                online_store_config.connection_string, socket_timeout=SECONDS, socket_connect_timeout=SECONDS
            )
        return self._client

    def online_write_batch(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: list[tuple[EntityKey, dict[str, Value], datetime, datetime | None]],
        progress: Callable[[int], Any] | None,
    ) -> None:
        client = self._get_client(config.online_store)
        script = str(client.script_load(NEWEST))
        for begin in range(0, len(data), BATCH):
            rows = data[begin : begin + BATCH]
            with client.pipeline(transaction=False) as pipe:
                for entity, values, time, _ in rows:
                    key = _redis_key(config.project, entity, entity_key_serialization_version=3)
                    pipe.evalsha(script, 1, key, *_fields(table.name, values, time))
                pipe.execute()
            if progress:
                progress(len(rows))


def _fields(view: str, values: dict[str, Value], time: datetime) -> list[bytes]:
    """Field, value, field, value …; the time comes first."""
    stamp = Timestamp()
    stamp.FromDatetime(make_tzaware(time))
    fields = [f"_ts:{view}".encode(), stamp.SerializeToString()]
    for feature, value in values.items():
        fields += [_mmh3(f"{view}:{feature}"), value.SerializeToString()]
    return fields
