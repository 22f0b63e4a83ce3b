"""What serving takes, as Prometheus counted it: time of the servers, while answering and in all, and answered rows."""

from include.operations.overview.spending import Serving
from include.ports.metrics import MetricsServer
from include.specification.usecase import UseCase

DAYS = 30
SERVERS = "triton.*|gateway.*|facade.*"
CPU = f'sum by (service) (increase(moebius_process_cpu_seconds_total{{service=~"{SERVERS}"}}[{DAYS}d]))'
ANSWERED = f'sum by (usecase, release) (increase(moebius_requests_total{{outcome="ok"}}[{DAYS}d]))'

COMPUTING = " + ".join(
    f'sum(increase(nv_inference_compute_{stage}_duration_us{{{{model="{{usecase}}"}}}}[{DAYS}d]))'
    for stage in ("input", "infer", "output")
)
"""Microseconds: taking a request in, the serving code, and giving the answer out; no waiting."""
COMPUTED = f'sum(increase(nv_inference_count{{{{model="{{usecase}}"}}}}[{DAYS}d]))'


def read(spec: UseCase, metrics: MetricsServer) -> Serving:
    """Of the last 30 days; raises ServiceError when Prometheus does not answer."""
    cpu = {labels.get("service", ""): value for labels, value in metrics.query(CPU)}
    answered = [(labels.get("usecase", ""), labels.get("release", ""), n) for labels, n in metrics.query(ANSWERED)]
    own = {release: n for usecase, release, n in answered if usecase == spec.name and n > 0}
    computing, computed = (_sum(metrics, query.format(usecase=spec.name)) for query in (COMPUTING, COMPUTED))
    return Serving(DAYS, cpu, sum(own.values()), sum(n for *_, n in answered), own, computing / 1e6, computed)


def _sum(metrics: MetricsServer, promql: str) -> float:
    return sum(value for _, value in metrics.query(promql))
