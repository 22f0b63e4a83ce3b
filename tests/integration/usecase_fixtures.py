"""One use case in a state root of its own, driven by the loop's functions as its DAGs drive them."""

from pathlib import Path

from include.contracts import Period, SnapshotRef
from include.data import staging as stage
from include.loop import data_pipeline
from include.services import Services
from include.settings import Settings
from include.usecase import UseCase, load_usecase

KEYS = "k01:first-secret-of-the-tests"


class Loop:
    """The services of one use case below ``home``."""

    def __init__(self, home: Path, usecase: str, **settings: object) -> None:
        self.spec: UseCase = load_usecase(usecase)
        self.services = Services(Settings.model_validate({"home": home, "pseudonym_keys": KEYS, **settings}))
        self.services.feature_store.apply()

    def publish(self, month: str, gated: bool = False) -> SnapshotRef:
        """The month by the data pipeline's steps; the quality gates take long, so only where they are asked for."""
        spec, services, period = self.spec, self.services, Period(key=month)
        data_pipeline.collect(spec, services, period, month)
        if gated:
            data_pipeline.gate(spec, services, period, month, "raw")
        data_pipeline.build_features(spec, services, period, month)
        if gated:
            data_pipeline.gate(spec, services, period, month, "features")
        else:
            stage.mark_passed(services.staging(spec, month))
        snapshot = data_pipeline.publish(spec, services, period, month)
        data_pipeline.materialize(spec, services, period, month)
        return snapshot
