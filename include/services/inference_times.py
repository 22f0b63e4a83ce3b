"""How long the stages of an answer take, by what the model server tells Prometheus; all of it is asked at once."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from include.errors import ServiceError
from include.ports.metrics import MetricsServer

WINDOW, SECONDS = "1h", 0.25
P99 = (
    'histogram_quantile(0.99, sum by (le) (label_replace(increase(moebius_latency_rows_total{{usecase="{u}"}}[{w}]), '
    '"le", "$1", "bound", "(.*)")))'
)
ROWS = 'sum(increase(moebius_requests_total{{usecase="{u}"}}[{w}]))'
FAILED = 'sum(increase(moebius_requests_total{{usecase="{u}",outcome!="ok"}}[{w}]))'
LOOKUPS = 'sum(increase(moebius_feature_lookups_total{{usecase="{u}"}}[{w}]))'
MISSING = 'sum(increase(moebius_feature_missing_total{{usecase="{u}"}}[{w}]))'
STAGE = (
    'sum(increase(nv_inference_{stage}_duration_us{{model="{u}"}}[{w}])) '
    '/ sum(increase(nv_inference_request_success{{model="{u}"}}[{w}])) / 1000'
)
STAGES = {"queue": "queue", "input": "compute_input", "infer": "compute_infer", "output": "compute_output"}
"""What the model server measures apart: waiting, taking inputs in, our serving code as a whole, giving answers out."""


class InferenceTimes(NamedTuple):
    """Of the last hour: milliseconds of a request by stage (mean), the whole (p99), and rows; None without a figure."""

    stages: dict[str, float | None]
    p99: float | None = None
    rows: float | None = None
    failed: float | None = None
    lookups: float | None = None
    missing: float | None = None
    unknown: str = ""
    """Why there is no figure at all."""


def inference_times(server: MetricsServer, usecase: str) -> InferenceTimes:
    """All of them; when the metrics server does not answer in time, why."""
    queries = {"p99": P99, "rows": ROWS, "failed": FAILED, "lookups": LOOKUPS, "missing": MISSING}
    wanted = {name: query.format(u=usecase, w=WINDOW) for name, query in queries.items()}
    wanted |= {name: STAGE.format(u=usecase, w=WINDOW, stage=stage) for name, stage in STAGES.items()}
    try:
        with ThreadPoolExecutor(len(wanted)) as pool:
            found = dict(zip(wanted, pool.map(lambda query: _value(server, query), wanted.values()), strict=True))
    except ServiceError as error:
        return InferenceTimes({}, unknown=str(error))
    p99 = found["p99"]
    return InferenceTimes(
        {name: found[name] for name in STAGES}, None if p99 is None else 1000 * p99, found["rows"], found["failed"],
        found["lookups"], found["missing"],
    )  # fmt: skip


def _value(server: MetricsServer, query: str) -> float | None:
    """The one sample; None for none, and for one that is no number."""
    found = server.query(query, SECONDS)
    value = found[0][1] if found else None
    return value if value is not None and value == value and abs(value) != float("inf") else None  # noqa: PLR0124
