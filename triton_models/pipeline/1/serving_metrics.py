"""Figures of the stable name for Prometheus, one update per batch and series."""

from collections import Counter, defaultdict

import triton_python_backend_utils as pb_utils

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


class ServingMetrics:
    """Counters by release; ``le`` buckets are cumulative, so ``histogram_quantile`` works on them."""

    def __init__(self, usecase: str) -> None:
        self.usecase = usecase
        self._families = {
            "requests": _counter("moebius_requests_total", "answered rows by release and outcome"),
            "bucket": _counter("moebius_latency_seconds_bucket", "rows answered within le seconds"),
            "count": _counter("moebius_latency_seconds_count", "rows timed"),
            "sum": _counter("moebius_latency_seconds_sum", "seconds spent answering"),
            "probability": _counter("moebius_probability_total", "sum of predicted probabilities"),
            "lacking": _counter("moebius_feature_missing_total", "lookups that found nothing or something stale"),
            "errors": _counter("moebius_rollout_errors_total", "rollout states that could not be used"),
        }
        self._gauges = pb_utils.MetricFamily(  # a family must outlive its metrics
            name="moebius_rollout_generation", description="rollout state that is followed", kind=pb_utils.MetricFamily.GAUGE
        )
        self._generation = self._gauges.Metric(labels={"usecase": usecase})
        self._series: dict = {}
        self._errors = 0

    def answered(self, releases: list, probabilities: list, lacking: list, seconds: float) -> None:
        """One batch: per row its release name, probability and lacking (view, reason) pairs."""
        sums: dict = defaultdict(float)
        for release, probability in zip(releases, probabilities):
            sums[release] += probability
        for release, count in Counter(releases).items():
            self._add("requests", count, release=release, outcome="ok")
            self._add("count", count, release=release)
            self._add("sum", seconds * count, release=release)
            self._add("probability", sums[release], release=release)
            for bound in BUCKETS:
                if seconds <= bound:
                    self._add("bucket", count, release=release, le=str(bound))
            self._add("bucket", count, release=release, le="+Inf")
        for (view, reason), count in Counter(pair for pairs in lacking for pair in pairs).items():
            self._add("lacking", count, view=view, reason=reason)

    def failed(self, release: str, count: int) -> None:
        self._add("requests", count, release=release, outcome="error")

    def followed(self, generation: int, errors: int) -> None:
        self._generation.set(float(generation))
        if errors > self._errors:
            self._add("errors", errors - self._errors)
            self._errors = errors

    def _add(self, family: str, value: float, **labels: str) -> None:
        key = (family, *labels.values())
        if key not in self._series:
            self._series[key] = self._families[family].Metric(labels={"usecase": self.usecase, **labels})
        self._series[key].increment(float(value))


def _counter(name: str, description: str):
    return pb_utils.MetricFamily(name=name, description=description, kind=pb_utils.MetricFamily.COUNTER)
