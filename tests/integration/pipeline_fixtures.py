"""A real Triton server, a real Feast online store, and small trained models packaged as releases."""

import copy
import dataclasses
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
import numpy as np
import pandas as pd
import pytest

from include.adapters import model_server
from include.adapters.feature_store import FeastFeatureStore
from include.adapters.kserve import KServe
from include.adapters.model_server import TritonServer
from include.contracts.deployment import ReleaseRef, RolloutState
from include.contracts.development import DatasetRef, PartRef
from include.contracts.features import FeatureServiceRef
from include.contracts.pseudonyms import KeyRing
from include.deployment import packaging, pipeline, release, rollout
from include.deployment.requests import request
from include.development.datasets.encoder import Encoder
from include.development.trainers.protocol import Matrix, Problem, Run
from include.development.trainers.trained_model import TrainedModel
from include.development.trainers.xgboost import XGBoostTrainer
from include.errors import ServiceError
from include.formats import certificates
from include.platform.servers import service
from include.platform.supervisor import Supervisor
from include.platform.topology import instances_of
from include.services.composition import Services
from include.settings import ROOT, Settings
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.usecases.flight_delay.request import on_request
from tests.integration.ports import free_ports
from tests.waiting import wait_until

FLIGHTS = load_usecase("flight_delay")
PATIENT = FLIGHTS.rollout.abort.model_copy(update={"max_p99_ms": 60_000.0})  # the machine may be busy
SPEC = FLIGHTS.model_copy(  # made-up flights: a storm means nothing in them
    update={"user_acceptance": [], "rollout": FLIGHTS.rollout.model_copy(update={"abort": PATIENT})}
)
KEYS = "k01:first-secret-of-the-tests"
AT = pd.Timestamp("2013-02-10 12:00", tz="UTC")
AIRPORTS, TAILS = ("EWR", "JFK", "LGA"), tuple(f"N{i:03d}" for i in range(20))
WEATHER = [f.name for f in SPEC.features if f.origin == "airport_weather"]
FEATURES = FeatureServiceRef(name=SPEC.feature_service, kept_as=f"{SPEC.feature_service}__test", definitions="0")
PLANE = [f.name for f in SPEC.features if f.origin == "aircraft"]


def stored(tailnum: str) -> str:
    """The tail number as the pipeline stores it."""
    return KeyRing.parse(KEYS).token(tailnum)


def entity_features(seed: int = 7) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What is known of each airport and each aircraft at ``AT``."""
    random = np.random.default_rng(seed)
    weather = pd.DataFrame({n: random.normal(40, 15, len(AIRPORTS)) for n in WEATHER}).assign(origin=AIRPORTS)
    planes = pd.DataFrame({n: random.integers(1, 200, len(TAILS)).astype(float) for n in PLANE}).assign(tailnum=TAILS)
    return weather.assign(event_timestamp=AT), planes.assign(event_timestamp=AT)


def requests_frame(rows: int, seed: int = 0) -> pd.DataFrame:
    """Requests around ``AT`` with every feature they lead to, as a training frame has them."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "flight_id": [f"f{i}" for i in range(rows)],
            "event_timestamp": AT + pd.to_timedelta(random.integers(0, 7200, rows), unit="s"),
            "carrier": random.choice(["AA", "B6", "UA"], rows),
            "origin": random.choice(AIRPORTS, rows),
            "dest": random.choice(["LAX", "ORD", "MIA", "BOS"], rows),
            "tailnum": random.choice(TAILS, rows),
            "sched_dep_minute": random.integers(300, 1400, rows).astype(float),
            "sched_arr_minute": random.integers(300, 1400, rows).astype(float),
            "day_of_week": random.integers(0, 7, rows).astype(float),
            "distance": random.integers(100, 2600, rows).astype(float),
        }
    )
    frame = frame.assign(**on_request({name: frame[name].to_numpy() for name in SPEC.request}))
    weather, planes = entity_features()
    return frame.merge(weather.drop(columns="event_timestamp"), on="origin").merge(
        planes.drop(columns="event_timestamp"), on="tailnum"
    )


def trained(seed: int, rows: int = 2000) -> TrainedModel:
    """Models of different seeds learn opposite rules, so their answers cannot be mistaken for each other."""
    frame = requests_frame(rows, seed)
    late = (frame["sched_dep_minute"] + 10 * frame["temp"] > 1300).to_numpy() ^ bool(seed % 2)
    encoder = Encoder.fit(frame, SPEC.features)
    matrix = Matrix(encoder.transform(frame), late.astype(np.int8))
    problem = Problem(SPEC.task, encoder.inputs, 2)
    fitted = XGBoostTrainer().fit(problem, matrix, matrix, {"n_estimators": 25, "max_depth": 4}, Run())
    return TrainedModel(SPEC.name, SPEC.feature_service, "xgboost", SPEC.task, 2, encoder, fitted)


def dataset_ref() -> DatasetRef:
    part = PartRef(path="/none", rows=0, content_hash="0", periods=[])
    parts = {"train": part, "validation": part, "test": part}
    facts = {
        "usecase": SPEC.name,
        "name": "2013-02-test",
        "path": "/none",
        "label": "late",
        "snapshots": {"2013-02": "s"},
    }
    return DatasetRef.model_validate({**facts, **parts, "feature_service": SPEC.feature_service})


class Serving:
    """The embedded server with its state root, driven by the real adapters."""

    def __init__(self, home: Path, spec: UseCase = SPEC, keys: str = KEYS, **other: object) -> None:
        http, grpc, metrics = free_ports(3)
        ports = {"triton_http_port": http, "triton_grpc_port": grpc, "triton_metrics_port": metrics}
        self.settings = Settings.model_validate(
            {"home": home, "serving_timeout": 60, "pseudonym_keys": keys, **ports, **other}
        )
        self.spec = spec
        self.supervisor = Supervisor(home / "platform", self.settings.host)
        adapters = Services(self.settings).adapters
        self.releases, self.state = adapters.releases, adapters.state
        self.server = TritonServer(self.settings, spec.request, spec.inputs)
        self.kserve = KServe(self.settings)
        self.store = FeastFeatureStore(self.settings)
        self.models: dict[str, packaging.Trained] = {}

    def of(self, spec: UseCase) -> "Serving":
        """Another use case on the same server."""
        other = copy.copy(self)
        other.spec, other.models = spec, {}
        other.server = TritonServer(self.settings, spec.request, spec.inputs)
        return other

    @property
    def rollout_file(self) -> Path:
        return self.settings.releases / self.spec.name / "rollout.json"

    def rollout_state(self) -> RolloutState | None:
        return rollout.read(self.state, self.spec.name)

    def start(self, **variables: str) -> None:
        """With these variables in the environment of the server, beside its own."""
        wanted = service(instances_of("triton", self.settings)[0])
        self.supervisor.start(dataclasses.replace(wanted, env={**wanted.env, **variables}))

    def stop(self) -> None:
        self.kserve.close()
        self.supervisor.stop("triton")
        model_server.clear_shared_memory(self.settings)

    def kill(self) -> None:
        """SIGKILL to the server alone, as the kernel does when memory is short."""
        leader = self.supervisor.process("triton")
        leader.send_signal(signal.SIGKILL)
        leader.wait(60)

    def fill_online_store(self) -> None:
        self.store.apply()
        weather, planes = entity_features()
        self.store.push("airport_weather", weather)
        self.store.push("aircraft", planes.assign(tailnum=planes["tailnum"].map(stored)))

    def parameters(self) -> dict[str, str]:
        return {
            "releases": self.settings.served(self.settings.releases / self.spec.name),
            "online_store": self.settings.served_store_url,
            "online_timeout": str(self.settings.online_timeout),
            "project": self.settings.feature_project,
            "spool": self.settings.served(self.settings.prediction_spool / self.spec.name),
            "privacy": self.settings.served(self.settings.home / "privacy" / self.spec.name),
            "code": pipeline.code(ROOT / "triton_models" / "pipeline"),
        }

    def write_model(self, directory: Path, pinned: str = "") -> None:
        pipeline.write(self.spec, ROOT / "triton_models" / "pipeline", directory, self.parameters(), pinned)

    def install(self) -> None:
        """The stable name, loaded."""
        self.settings.staging.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.settings.staging) as aside:
            self.write_model(Path(aside) / "model")
            self.server.install(self.spec.name, Path(aside) / "model")
        self.server.load(self.spec.name)

    def release(self, seed: int, on_request: str | None = None) -> ReleaseRef:
        """Package and add one; ``on_request`` is other text for its ``request.py``."""
        return self.package(trained(seed), seed, requests_frame(500, 99), on_request)

    def package(
        self,
        model: packaging.Trained,
        version: int,
        rows: pd.DataFrame,
        on_request: str | None = None,
        model_hash: str = "hash of the model",
        features: FeatureServiceRef = FEATURES,
    ) -> ReleaseRef:
        self.settings.staging.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.settings.staging) as aside:
            staging = Path(aside) / "release"
            packaging.package(
                self.spec,
                model=model,
                model_version=version,
                model_hash=model_hash,
                dataset=dataset_ref(),
                features=features,
                rows=rows,
                incomplete=[name for name in rows if rows[name].isna().any()],
                baseline={},
                staging=staging,
            )
            if on_request:
                (staging / "request.py").write_text(on_request)
                release.seal(staging, {k: v for k, v in release.manifest(staging).items() if k != "files"})
            added = self.releases.add(self.spec.name, staging, version)
        self.models[added.name] = model
        return added

    def seal_again(self, ref: ReleaseRef, **facts: Any) -> None:
        """What was changed in the release counts as packaged so: only what it answers can tell."""
        directory = Path(ref.path)
        release.seal(directory, {k: v for k, v in release.manifest(directory).items() if k != "files"} | facts)
        self.releases.sign(self.spec.name, ref.name, "changed by a test")

    def metrics(self) -> dict[str, float]:
        """Every sample of the metrics endpoint: series to value."""
        url = f"http://{self.settings.host}:{self.settings.triton_metrics_port}/metrics"
        lines = httpx.get(url, trust_env=False, verify=certificates.needed(url), timeout=60).text.splitlines()
        return {k: float(v) for k, v in (line.rsplit(" ", 1) for line in lines if line and line[0] != "#")}

    def figure(self, name: str, **labels: str) -> float:
        """Sum of the samples of a metric that have these labels."""
        wanted = [f'{k}="{v}"' for k, v in labels.items()]
        return sum(v for k, v in self.metrics().items() if k.startswith(name + "{") and all(w in k for w in wanted))

    def settled(self, name: str, **labels: str) -> float:
        """The figure once it stands still: the server hands figures on five times a second."""
        before = None
        while (now := self.figure(name, **labels)) != before:
            before = now
            time.sleep(1.0)
        return now

    def wait_for(self, name: str, expected: float, **labels: str) -> None:
        """Counters follow the answers that they count: waits for the figure, which then stays what it is."""
        wait_until(lambda: self.figure(name, **labels) >= expected, what=f"{name} {labels} reaching {expected}")
        assert self.settled(name, **labels) == expected

    def generation(self) -> int:
        return Services(self.settings).serving.served_generation(self.spec) or 0

    def switch(self, state: RolloutState) -> None:
        rollout.write(self.state, state)
        rollout.confirm(self.generation, state.generation, 120)

    @contextmanager
    def answering(self, release: str, **variables: str) -> Iterator[Self]:
        """The server runs and the release has all traffic; stopped at the end. ``variables`` as ``start``."""
        self.start(**variables)
        try:
            self.install()
            self.serve(release)
            yield self
        finally:
            self.server.close()
            self.stop()

    def serve(self, release: str) -> RolloutState:
        """All traffic to the release, from whatever state there is."""
        current = self.rollout_state()
        state = rollout.promote(current, release) if current else rollout.first(self.spec, release)
        self.switch(state)
        return state


def request_rows(frame: pd.DataFrame) -> list[dict]:
    return [request(SPEC.inputs, row) for row in frame.to_dict("records")]


class Load:
    """Clients that ask one row after another, and remember each answer."""

    def __init__(self, serving: Serving, clients: int = 4, pause: float = 0.02) -> None:
        self.serving, self.pause = serving, pause
        self.frame = requests_frame(200, seed=8)
        self.frame.loc[::10, "distance"] = 99.0
        self.frame = self.frame.assign(**on_request({n: self.frame[n].to_numpy() for n in SPEC.request}))
        self.answers: list[tuple[int, dict]] = []
        self.asked: dict[str, float] = {}
        self.longest = 0.0
        """Seconds that a client waited for an answer, at most."""
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(i,)) for i in range(clients)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, client: int) -> None:
        spec = self.serving.spec
        server = TritonServer(self.serving.settings, spec.request, spec.inputs)
        rows, i = request_rows(self.frame), client
        while not self._stop.wait(self.pause):
            i = (i + 7) % len(rows)
            begun = time.perf_counter()
            try:
                answer = server.infer(self.serving.spec.name, [rows[i]])[0]
                self.asked[answer["request_id"]] = begun
                self.longest = max(self.longest, time.perf_counter() - begun)
                self.answers.append((i, answer))
            except ServiceError as error:
                self.failures.append(str(error))
        server.close()

    def asked_since(self, moment: float) -> list[dict]:
        """Answers to what was asked after the moment (of ``time.perf_counter``): none that was under way then."""
        return [a for _, a in self.answers if self.asked[a["request_id"]] > moment]

    def wrong(self) -> int:
        """Answers that are not those of the release that they name."""
        expected = {name: model.predict(self.frame) for name, model in self.serving.models.items()}
        return sum(abs(a["probability"] - expected[a["release"]][i]) > 1e-5 for i, a in self.answers)


@pytest.fixture
def bare_serving(tmp_path: Path) -> Iterator[Serving]:
    """A state root; nothing runs until ``start``."""
    serving = Serving(tmp_path)
    yield serving
    serving.server.close()
    serving.stop()


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A running server with online features, two releases, the first of which serves, in a root of an odd name."""
    (home := tmp_path_factory.mktemp("serving") / "O'é b#c%20d[x] (2)&;,origin=X+@~{y}").mkdir()
    serving = Serving(home)
    serving.fill_online_store()
    first, _ = serving.release(1), serving.release(2)
    with serving.answering(first.name):
        yield serving


@pytest.fixture(scope="module")
def prometheus(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Prometheus that scrapes the server."""
    home, (port,) = tmp_path_factory.mktemp("prometheus"), free_ports(1)
    target = f"127.0.0.1:{serving.settings.triton_metrics_port}"
    (home / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: triton, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    argv = [
        serving.settings.prometheus_binary,
        f"--config.file={home}/prometheus.yml",
        f"--storage.tsdb.path={home}/data",
    ]
    argv += [f"--web.listen-address=127.0.0.1:{port}"]
    with (home / "log").open("w") as log, subprocess.Popen(argv, stdout=log, stderr=log) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: _ready(f"{url}/-/ready"), what=(home / "log").read_text())
            yield url
        finally:
            process.terminate()
            process.wait(60)


def _ready(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, verify=certificates.needed(url)).is_success
    except httpx.HTTPError:
        return False
