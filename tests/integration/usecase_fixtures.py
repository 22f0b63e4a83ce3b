"""One use case in a state root of its own, driven by the loop's functions as its DAGs drive them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from include.adapters import model_server
from include.contracts.deployment import ReleaseRef
from include.contracts.development import ModelRef
from include.contracts.evaluation import Verdict
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef
from include.data import staging as stage
from include.data import versioning
from include.deployment.requests import request
from include.development.order import Order
from include.loop import approval, data_pipeline, deployment, monitoring, refit, retrain_evaluation, rollout, training
from include.platform.servers import service
from include.platform.supervisor import Supervisor
from include.platform.topology import instances_of
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.integration.mlflow_fixtures import emptied
from tests.integration.ports import free_ports

KEYS = "k01:first-secret-of-the-tests"


def patient(spec: UseCase) -> UseCase:
    """The same on a machine that does other things besides: no test is about how fast it answers."""
    abort = spec.rollout.abort.model_copy(update={"max_p99_ms": 60_000.0})
    return spec.model_copy(update={"rollout": spec.rollout.model_copy(update={"abort": abort})})


class Loop:
    """The services of one use case below ``home``."""

    def __init__(self, home: Path, usecase: str, **settings: object) -> None:
        self.spec: UseCase = patient(load_usecase(usecase))
        self.services = Services(Settings.model_validate({"home": home, "pseudonym_keys": KEYS, **settings}))
        self.services.adapters.feature_store.apply()

    def publish(self, month: str, gated: bool = False, online: bool = True) -> SnapshotRef:
        """The month by the data pipeline's steps; the quality gates take long, so only where they are asked for."""
        spec, services, period = self.spec, self.services, Period(month)
        data_pipeline.collect(spec, services, period, month)
        if gated:
            data_pipeline.gate(spec, services, period, month, "raw")
        data_pipeline.build_features(spec, services, period, month)
        if gated:
            data_pipeline.gate(spec, services, period, month, "features")
        else:
            stage.mark_passed(services.places.staging(spec, month))
        snapshot = data_pipeline.publish(spec, services, period, month)
        if online:
            data_pipeline.materialize(spec, services, period, month)
        return snapshot

    def read(self, snapshot: SnapshotRef, table: str) -> pd.DataFrame:
        return versioning.read(snapshot, table, self.services.adapters.lake).to_pandas()

    def train(self, **parameters: int | float | str) -> ModelRef:
        """A registered candidate, tested on the newest published month."""
        asked = Order(dataset=training.dataset_for(self.spec, self.services), parameters=parameters)
        key = training.place(self.spec, self.services, asked)
        training.fit(self.spec, self.services, key)
        return training.register(self.spec, self.services, key)

    def evaluate(self, model: ModelRef) -> Verdict:
        return retrain_evaluation.evaluate(self.spec, self.services, model.version, run="evaluation")

    def deploy(self, verdict: Verdict, refits: bool = False) -> ReleaseRef:
        """Approve, package, test on the real server, and give it all traffic; its refit where the test ``refits``."""
        if approval.route(self.spec, self.services, "evaluation") == "person":
            answer = {"chosen_options": ["Approve"], "params_input": {"reason": "it is better"}}
            answer["responded_by_user"] = {"id": "approver", "name": "approver"}
            approval.record_answer(self.spec, self.services, "evaluation", answer)
        approval.record_approval(self.spec, self.services, "evaluation")
        version = refit.refit(self.spec, self.services, verdict.candidate) if refits else verdict.candidate
        release = deployment.package_release(self.spec, self.services, version)
        deployment.verify_release(self.spec, self.services, release)
        rollout.promote_release(self.spec, self.services, release.name)
        return release

    def ask(self, rows: pd.DataFrame) -> list[dict[str, Any]]:
        """One request per call of the server for 50 rows of the events table, whose keys are in clear."""
        server, asked = self.services.adapters.model_server(self.spec), self.requests(rows)
        try:
            batches = [asked[i : i + 50] for i in range(0, len(asked), 50)]
            return [answer for batch in batches for answer in server.infer(self.spec.name, batch)]
        finally:
            server.close()

    def requests(self, rows: pd.DataFrame) -> Sequence[Mapping[str, Any]]:
        return [request(self.spec.inputs, row) for row in rows.to_dict("records")]

    def monitor(self, month: str) -> dict[str, float]:
        monitoring.ship_predictions(self.spec, self.services)
        return monitoring.monitor(self.spec, self.services, Period(month))


L = TypeVar("L", bound=Loop)


@contextmanager
def live(home: Path, usecase: str, tracking: Settings) -> Iterator[Loop]:
    """The same with a real MLflow and a real Triton."""
    with beside_servers(home, partial(Loop, home, usecase), tracking) as loop:
        yield loop


@contextmanager
def beside_servers(home: Path, make: Callable[..., L], tracking: Settings) -> Iterator[L]:
    """What ``make`` makes of the servers' settings, beside that real MLflow and a real Triton of the state root."""
    http, grpc, metrics = free_ports(3)
    ports = {"triton_http_port": http, "triton_grpc_port": grpc, "triton_metrics_port": metrics}
    with ExitStack() as stack:
        stack.enter_context(emptied(tracking))
        loop = make(mlflow_port=tracking.mlflow_port, serving_timeout=120, **ports)
        supervisor = Supervisor(home / "platform", loop.services.settings.host)
        stack.callback(model_server.clear_shared_memory, loop.services.settings)
        stack.callback(supervisor.stop, "triton")
        server = loop.services.adapters.model_server(loop.spec)
        stack.callback(server.close)
        supervisor.start(service(instances_of("triton", loop.services.settings)[0]))
        yield loop
