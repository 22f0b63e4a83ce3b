"""A real Triton server on free ports, and small real releases of flight_delay."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from include.contracts import DatasetRef, PartRef, ReleaseRef
from include.deployment import packaging
from include.development.encoding import Encoder
from include.development.trainers import TrainedModel
from include.development.trainers.protocol import Matrix
from include.development.trainers.registry import trainer
from include.loop import deployment
from include.platform.processes import Supervisor
from include.platform.servers import triton_service
from include.services import Services
from include.settings import Settings
from include.usecase import UseCase, load_usecase

PARAMETERS = {"n_estimators": 20, "max_depth": 4, "learning_rate": 0.3}


def free_settings(home: Path) -> Settings:
    """Settings below ``home`` with every port free."""
    names = [name for name in Settings.model_fields if name.endswith("_port")]
    held = [socket.socket() for _ in names]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = {name: one.getsockname()[1] for name, one in zip(names, held, strict=True)}
    for one in held:
        one.close()
    return Settings(home=home, **ports)


@dataclass
class Serving:
    """The server, and what a test needs to put releases on it."""

    spec: UseCase
    services: Services
    supervisor: Supervisor
    rows: pd.DataFrame

    def start(self) -> None:
        self.supervisor.start(triton_service(self.services.settings))

    def release(self, seed: int, home: Path) -> tuple[ReleaseRef, TrainedModel]:
        """Train a small model (another seed: other labels, other answers) and package it."""
        model = train(self.spec, self.rows, seed)
        staging = home / f"staged-{seed}"
        packaging.package(
            self.spec, model=model, model_version=seed, dataset=dataset(), rows=self.rows, baseline={}, staging=staging
        )
        return self.services.releases.add(self.spec.name, staging, seed), model

    def serve(self, release: str) -> None:
        """Make it the first release under the stable name."""
        from include.deployment import rollout

        state = self.services.rollout_state(self.spec)
        following = rollout.first(self.spec, release) if state is None else rollout.promote(state, release)
        deployment._switch(self.spec, self.services, following)


def flights(count: int = 1500) -> pd.DataFrame:
    """Raw feature rows of made-up flights; the online store knows JFK and N1 … N9."""
    random = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "flight_id": [f"f{i}" for i in range(count)],
            "event_timestamp": pd.Timestamp("2013-04-01T12:00Z")
            + pd.to_timedelta(random.integers(0, 3000, count), "s"),
            "carrier": random.choice(["UA", "DL", "B6"], count),
            "origin": "JFK",
            "dest": random.choice(["LAX", "BOS", "MIA"], count),
            "tailnum": [f"N{i % 9 + 1}" for i in range(count)],
            "sched_dep_minute": random.integers(300, 1400, count).astype(float),
            "sched_arr_minute": random.integers(300, 1400, count).astype(float),
            "day_of_week": random.integers(0, 7, count).astype(float),
            "distance": random.integers(100, 3000, count).astype(float),
        }
    )
    hours = np.mod(frame["sched_arr_minute"] - frame["sched_dep_minute"], 1440) / 60
    frame["scheduled_speed"] = frame["distance"] / hours.where(hours > 0)
    weather = {"temp": 50.0, "dewp": 40.0, "humid": 60.0, "wind_speed": 9.0, "precip_1h": 0.0, "precip_6h": 0.1}
    weather |= {"pressure": 1010.0, "pressure_change_3h": -1.0, "visib": 10.0, "visib_min_3h": 9.0}
    numbers = frame["tailnum"].str[1:].astype(float)
    return frame.assign(**weather, year_built=1990 + numbers, seats=100 + numbers, engines=2.0)


def train(spec: UseCase, rows: pd.DataFrame, seed: int) -> TrainedModel:
    encoder = Encoder.fit(rows, spec.features)
    labels = (np.random.default_rng(seed).random(len(rows)) < rows["sched_dep_minute"] / 2000).to_numpy(np.int8)
    data = Matrix(encoder.transform(rows), labels)
    algorithm = trainer("xgboost")
    fitted = algorithm.fit(data, data, {**PARAMETERS, "seed": seed}, 1)
    return TrainedModel(spec.name, spec.feature_service, algorithm.name, encoder, fitted)


def dataset() -> DatasetRef:
    part = PartRef(path="", rows=0, content_hash="", periods=[])
    return DatasetRef(
        usecase="flight_delay", name="d", path="", feature_service="flight_delay_v1", label="late",
        train=part, validation=part, test=part, snapshots={},
    )  # fmt: skip


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Triton runs, the online store is filled, nothing is deployed."""
    home = tmp_path_factory.mktemp("serving")
    services = Services(free_settings(home / "var"))
    rows = flights()
    fill_online_store(services, rows)
    running = Serving(load_usecase("flight_delay"), services, Supervisor(home / "platform", "127.0.0.1"), rows)
    running.start()
    try:
        yield running
    finally:
        running.supervisor.stop("triton")


def fill_online_store(services: Services, rows: pd.DataFrame) -> None:
    """Write with Feast itself what the pipeline then reads directly."""
    services.feature_store.apply()
    spec = load_usecase("flight_delay")
    for view, key in (("airport_weather", "origin"), ("aircraft", "tailnum")):
        columns = [f.name for f in spec.features if f.origin == view]
        newest = rows.drop_duplicates(key)[[key, *columns]].assign(event_timestamp=pd.Timestamp("2013-04-01T11:00Z"))
        services.feature_store.push(view, newest)


def requests(spec: UseCase, rows: pd.DataFrame) -> list[dict]:
    return rows[list(spec.request)].to_dict("records")


def spool_lines(services: Services) -> list[dict]:
    files = (services.settings.prediction_spool / "flight_delay").glob("*.jsonl")
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]
