"""Figures of the stable name for Prometheus.

An update of one series costs the server 60 µs, so rows are counted here and handed on by ``flush``.
"""

import threading
from bisect import bisect_left
from collections import Counter

import triton_python_backend_utils as pb_utils

BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
BOUNDS = (*map(str, BUCKETS), "+Inf")
COUNTERS = {
    "moebius_requests_total": "answered or refused rows by release and outcome",
    "moebius_latency_seconds_bucket": "rows answered within le seconds",
    "moebius_latency_seconds_count": "rows timed",
    "moebius_latency_seconds_sum": "seconds spent answering",
    "moebius_answer_positive_total": "sum of the answers above 0: probability, value, or the largest of K scores",
    "moebius_answer_negative_total": "sum of the answers below 0, without their sign",
    "moebius_feature_lookups_total": "lookups by feature view",
    "moebius_feature_missing_total": "lookups without features: missing, stale, or the online store unavailable",
    "moebius_rollout_errors_total": "rollout states that could not be used",
    "moebius_log_errors_total": "rows that could not be written to the prediction log",
}
SUMS = (
    "moebius_latency_seconds_count",
    "moebius_latency_seconds_sum",
    "moebius_answer_positive_total",
    "moebius_answer_negative_total",
)


class ServingMetrics:
    """Counters by release; ``le`` buckets are cumulative, so ``histogram_quantile`` works on them."""

    def __init__(self, usecase: str) -> None:
        self.usecase = usecase
        kinds = pb_utils.MetricFamily
        self._families = {n: kinds(name=n, description=d, kind=kinds.COUNTER) for n, d in COUNTERS.items()}
        generation = kinds(
            name="moebius_rollout_generation", description="rollout state that is followed", kind=kinds.GAUGE
        )
        self._generation_family, self._generation = generation, generation.Metric(labels={"usecase": usecase})
        self._series: dict = {}
        self._views: dict = {}
        self._pending: Counter = Counter()
        self._lock = threading.Lock()
        self._errors = 0
        self._add("moebius_rollout_errors_total", 0)
        self._add("moebius_log_errors_total", 0)

    def declare(self, release: str, views: list) -> None:
        """Begin every series of a release at 0: Prometheus does not see the growth up to a first value."""
        for outcome in ("ok", "error"):
            self._add("moebius_requests_total", 0, release=release, outcome=outcome)
        for bound in BOUNDS:
            self._add("moebius_latency_seconds_bucket", 0, release=release, le=bound)
        for name in SUMS:
            self._add(name, 0, release=release)
        self._views[release] = views
        for view in views:
            self._add("moebius_feature_lookups_total", 0, view=view)
            for reason in ("missing", "stale", "unavailable"):
                self._add("moebius_feature_missing_total", 0, view=view, reason=reason)

    def answered(self, release: str, values, lacking: list, seconds: float) -> None:
        """One request: of each of its rows the number that is the answer, and the lacking (view, reason) pairs."""
        rows = len(lacking)
        late = bisect_left(BUCKETS, seconds)
        counted = {
            ("moebius_requests_total", ("release", release), ("outcome", "ok")): rows,
            ("moebius_latency_seconds_count", ("release", release)): rows,
            ("moebius_latency_seconds_sum", ("release", release)): seconds * rows,
            ("moebius_answer_positive_total", ("release", release)): sum(value for value in values if value > 0),
            ("moebius_answer_negative_total", ("release", release)): -sum(value for value in values if value < 0),
        }
        for view in self._views[release]:
            counted["moebius_feature_lookups_total", ("view", view)] = rows
        for bound in BOUNDS[late:]:
            counted["moebius_latency_seconds_bucket", ("release", release), ("le", bound)] = rows
        with self._lock:
            for key, value in counted.items():
                self._pending[key] += value
            for view, reason in (pair for pairs in lacking for pair in pairs):
                self._pending["moebius_feature_missing_total", ("view", view), ("reason", reason)] += 1

    def failed(self, release: str, rows: int) -> None:
        self._add("moebius_requests_total", rows, release=release, outcome="error")

    def not_logged(self, rows: int) -> None:
        self._add("moebius_log_errors_total", rows)

    def flush(self, generation: int, errors: int) -> None:
        """Hand on what was counted since the last call."""
        self._add("moebius_rollout_errors_total", errors - self._errors)
        self._errors = errors
        with self._lock:
            pending, self._pending = self._pending, Counter()
        for key, value in pending.items():
            if key not in self._series:
                name, *labels = key
                self._series[key] = self._families[name].Metric(labels={"usecase": self.usecase, **dict(labels)})
            if value:
                self._series[key].increment(float(value))
        self._generation.set(float(generation))

    def _add(self, name: str, value: float, **labels: str) -> None:
        with self._lock:
            self._pending[(name, *labels.items())] += value
