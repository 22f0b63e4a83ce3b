"""Feast's Redis online store, changed so that an older value never replaces a newer one.

Feast loads it by its name (``online_store.type``). The layout stays Feast's own: one hash per entity key, a field per
feature (murmur3 of ``<view>:<feature>``) and ``_ts:<view>``; of a view with a created timestamp also
``_ts:<view>:created``, by which rows of one event time are compared.
Feast's own store compares in the client, so that two writers can race, and drops a correction with the same time.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pandas as pd
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
local function compared(place)
  local stored = redis.call('HGET', KEYS[1], ARGV[place])
  if not stored then return 0 end
  local old, new = parsed(stored), parsed(ARGV[place + 1])
  if old[1] ~= new[1] then return new[1] - old[1] end
  return new[2] - old[2]
end
local age = compared(2)
if age < 0 or (age == 0 and ARGV[1] == 'created' and compared(4) < 0) then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
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
                for entity, values, time, created in rows:
                    key = _redis_key(config.project, entity, entity_key_serialization_version=3)
                    pipe.evalsha(script, 1, key, *_arguments(table.name, values, time, created))
                pipe.execute()
            if progress:
                progress(len(rows))


def _arguments(view: str, values: dict[str, Value], time: datetime, created: datetime | None) -> list[bytes]:
    """Whether rows of one time are compared by their creation; then field, value, field …, the times first."""
    fields = [f"_ts:{view}".encode(), _stamp(time)]
    created = None if pd.isna(created) else created
    if created:
        fields += [f"_ts:{view}:created".encode(), _stamp(created)]
    for feature, value in values.items():
        fields += [_mmh3(f"{view}:{feature}"), value.SerializeToString()]
    return [b"created" if created else b"", *fields]


def _stamp(moment: datetime) -> bytes:
    stamp = Timestamp()
    stamp.FromDatetime(make_tzaware(moment))
    return stamp.SerializeToString()
