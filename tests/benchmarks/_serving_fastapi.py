"""A peer: the plain service that one would write with FastAPI, ONNX Runtime and a Redis client for this one model.

It reads the same features from the same Feast store in one round trip, encodes and answers the same; it does not log,
count, route or check what it loads. uvicorn with uvloop and httptools, one worker, no access log.
``python -m tests.benchmarks._serving_fastapi <facts.json>``.
"""

import json
import sys
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import redis.asyncio
import uvicorn
from fastapi import FastAPI
from feast.infra.online_stores.helpers import _mmh3, _redis_key
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import BaseModel

from include.contracts.pseudonyms import KeyRing
from include.usecases.flight_delay.request import on_request


class Flight(BaseModel):
    flight_id: str
    event_timestamp: float
    carrier: str
    origin: str
    dest: str
    tailnum: str
    sched_dep_minute: float
    sched_arr_minute: float
    day_of_week: float
    distance: float


class View:
    """One feature view in Feast's Redis layout."""

    def __init__(self, project: str, name: str, declared: dict[str, Any], features: list[str]) -> None:
        self.project, self.key, self.features = project, declared["key"], features
        self.fresh_seconds = declared["freshness_hours"] * 3600
        self.fields = [*(_mmh3(f"{name}:{feature}") for feature in features), f"_ts:{name}"]

    def stored_at(self, value: str) -> bytes:
        entity = EntityKey(join_keys=[self.key], entity_values=[Value(string_val=value)])
        return _redis_key(self.project, entity, entity_key_serialization_version=3)

    def values(self, answer: list[bytes | None], at: float) -> dict[str, float]:
        """Feature → number; none of an entity that is not there, or whose values are too old."""
        *values, stamp = answer
        if stamp is None or (self.fresh_seconds and at - Timestamp.FromString(stamp).ToNanoseconds() / 1e9
                             > self.fresh_seconds):  # fmt: skip
            return {}
        return {name: _number(value) for name, value in zip(self.features, values, strict=True) if value}


def _number(value: bytes) -> float:
    parsed = Value.FromString(value)
    kind = parsed.WhichOneof("val")
    return float(getattr(parsed, kind)) if kind else np.nan


class Model:
    """A release's ONNX file with the encoding beside it."""

    def __init__(self, directory: Path, facts: dict[str, Any]) -> None:
        manifest = json.loads((directory / "release.json").read_text())
        self.release, self.features = directory.name, manifest["encoding"]["features"]
        self.codes = {
            f["name"]: {category: code for code, category in enumerate(f["categories"])}
            for f in self.features
            if f["kind"] == "categorical"
        }
        self.views = {
            name: View(facts["project"], name, declared, [f["name"] for f in self.features if f["origin"] == name])
            for name, declared in manifest["views"].items()
        }
        self.keys = KeyRing.parse(facts["keys"])
        self.redis = redis.asyncio.Redis.from_url(facts["redis"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            str(directory / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self.output = self.session.get_outputs()[-1].name

    async def probability(self, flight: Flight) -> float:
        given = flight.model_dump()
        given["tailnum"] = self.keys.token(flight.tailnum)
        numbers = {name: np.array([v]) for name, v in given.items() if not isinstance(v, str)}
        known = {**given, **{name: values[0] for name, values in on_request(numbers).items()}}
        known.update(await self._looked_up(given))
        row = np.array([[self._coded(f["name"], known.get(f["name"], np.nan)) for f in self.features]], np.float32)
        return float(self.session.run([self.output], {"input": row})[0][0, -1])

    async def _looked_up(self, given: dict[str, Any]) -> dict[str, float]:
        async with self.redis.pipeline(transaction=False) as pipe:
            for view in self.views.values():
                pipe.hmget(view.stored_at(given[view.key]), view.fields)
            answers = await pipe.execute()
        found: dict[str, float] = {}
        for view, answer in zip(self.views.values(), answers, strict=True):
            found.update(view.values(answer, given["event_timestamp"]))
        return found

    def _coded(self, name: str, value: Any) -> float:
        return self.codes[name].get(value, -1.0) if name in self.codes else value


class Answer(BaseModel):
    prediction: int
    probability: float
    release: str
    request_id: str


def app(facts: dict[str, Any]) -> FastAPI:
    service, model = FastAPI(), Model(Path(facts["release"]), facts)

    @service.post("/predict")
    async def predict(flight: Flight) -> Answer:
        probability = await model.probability(flight)
        return Answer(
            prediction=probability >= 0.5, probability=probability, release=model.release, request_id=str(uuid.uuid4())
        )

    return service


if __name__ == "__main__":
    known = json.loads(Path(sys.argv[1]).read_text())
    uvicorn.run(app(known), host="127.0.0.1", port=known["port"], workers=1, access_log=False, log_level="warning")
