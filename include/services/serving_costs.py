"""What serving takes, as Prometheus counted it: CPU time of the servers, and rows that were answered."""

from include.operations.spending import Serving
from include.ports.metrics import MetricsServer
from include.specification.usecase import UseCase

DAYS = 30
SERVERS = "triton.*|gateway.*|facade.*"
CPU = f'sum by (service) (increase(moebius_process_cpu_seconds_total{{service=~"{SERVERS}"}}[{DAYS}d]))'
ANSWERED = f'sum by (usecase, release) (increase(moebius_requests_total{{outcome="ok"}}[{DAYS}d]))'


def read(spec: UseCase, metrics: MetricsServer) -> Serving:
    """Of the last 30 days; raises ServiceError when Prometheus does not answer."""
    cpu = {labels.get("service", ""): value for labels, value in metrics.query(CPU)}
    answered = [(labels.get("usecase", ""), labels.get("release", ""), n) for labels, n in metrics.query(ANSWERED)]
    own = {release: n for usecase, release, n in answered if usecase == spec.name and n > 0}
    return Serving(DAYS, cpu, sum(own.values()), sum(n for *_, n in answered), own)
