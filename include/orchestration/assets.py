"""Every asset of Moebius: the results that one DAG hands to the next."""

from collections.abc import Sequence

from airflow.sdk import Asset, AssetWatcher

from include.orchestration.alert_trigger import PrometheusAlertTrigger
from include.settings import load_settings


def _asset(usecase: str, name: str, watchers: Sequence[AssetWatcher] = ()) -> Asset:
    uri = f"moebius://{usecase}/{name}"
    return Asset(name=f"{usecase}.{name}", uri=uri, group="moebius", watchers=list(watchers))


def features(usecase: str) -> Asset:
    """A published, gated and materialized period (partitioned by period)."""
    return _asset(usecase, "features")


def predictions(usecase: str) -> Asset:
    """A scored period: answers in ``batch_predictions`` (partitioned by period)."""
    return _asset(usecase, "predictions")


def health(usecase: str) -> Asset:
    """Monitored figures of one period (partitioned by period)."""
    return _asset(usecase, "health")


def alerts(usecase: str) -> Asset:
    """Firing Prometheus alerts; one poll serves all use cases."""
    settings = load_settings()
    url, pause = settings.prometheus_url, settings.alert_poll_seconds
    trigger = PrometheusAlertTrigger(url=url, usecase=usecase, poll_seconds=pause)
    return _asset(usecase, "alerts", watchers=[AssetWatcher(name=f"{usecase}_alerts", trigger=trigger)])


def retrain_plan(usecase: str) -> Asset:
    """A written plan to retrain; ``extra`` has the fields of the TrainingRequest that it asks for."""
    return _asset(usecase, "retrain_plan")


def candidate(usecase: str) -> Asset:
    """A newly registered model version; ``extra`` has ``version``."""
    return _asset(usecase, "candidate")


def approved(usecase: str) -> Asset:
    """A challenger that may be deployed; ``extra`` has ``version`` and ``verdict`` (its hash)."""
    return _asset(usecase, "approved")


def serving(usecase: str) -> Asset:
    """What answers under the stable name changed; ``extra`` has ``release``."""
    return _asset(usecase, "serving")
