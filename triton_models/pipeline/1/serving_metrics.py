"""Figures of the stable name for Prometheus.

An update of a series is slow in the server, so rows are counted here and ``flush`` hands the sums on.
"""

import threading
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from itertools import accumulate
from typing import Any

import triton_python_backend_utils as pb_utils

BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
BOUNDS = (*map(str, BUCKETS), "+Inf")
COUNTERS = {
    "moebius_requests_total": "rows by release and outcome",
    "moebius_latency_rows_total": "rows answered within bound seconds",
    "moebius_latency_seconds_total": "seconds spent answering",
    "moebius_answer_positive_total": "sum of the answers above 0: probability, value, or the largest of K scores",
    "moebius_answer_negative_total": "sum of the answers below 0, without their sign",
    "moebius_feature_lookups_total": "lookups by feature view",
    "moebius_feature_missing_total": "lookups without features: missing, stale, or the online store unavailable",
    "moebius_missing_policy_total": "rows refused, or answered by the constant scores, as features were missing",
    "moebius_shadow_total": "copied rows by the shadow that was asked and the outcome",
    "moebius_shadow_latency_rows_total": "copied rows answered by the shadow within bound seconds",
    "moebius_shadow_difference_sum_total": "sum of |shadow - champion| of the answers that moebius_answer_* sum",
    "moebius_shadow_changed_total": "copied rows for which the shadow predicts something else",
    "moebius_rollout_errors_total": "rollout states that could not be used",
    "moebius_log_errors_total": "rows that could not be written to the prediction log",
}
SUMS = ("moebius_latency_seconds_total", "moebius_answer_positive_total", "moebius_answer_negative_total")
OK = "ok"
OF_A_RELEASE = (OK, "lookup", "unavailable", "model")
OF_NO_RELEASE = ("bad_request", "no_release", "pipeline")


class Heartbeat:
    """Tells every second that this process lives: the server would go on to call its model ready when it is dead.

    A thread of its own, because a release may load for longer than anybody would wait for a sign of life.
    """

    def __init__(self, model: str, process: str) -> None:
        self._family = pb_utils.MetricFamily(
            name="moebius_alive_timestamp_seconds",
            description="time of the last sign of life of a process of a model",
            kind=pb_utils.MetricFamily.GAUGE,
        )
        self._moment = self._family.Metric(labels={"model": model, "process": process})
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        self._moment.set(time.time())
        while not self._stopped.wait(1.0):
            self._moment.set(time.time())


class ServingMetrics:
    """Counters by release. Rows by ``bound`` are cumulative, as ``histogram_quantile`` needs them.

    Processes that serve the same use case add to the same series; only the generation is told by each ``process``.
    """

    def __init__(self, usecase: str, process: str) -> None:
        self.usecase = usecase
        kinds = pb_utils.MetricFamily
        self._families = {n: kinds(name=n, description=d, kind=kinds.COUNTER) for n, d in COUNTERS.items()}
        self._generation_family = kinds(
            name="moebius_rollout_generation", description="rollout generation that is followed", kind=kinds.GAUGE
        )
        self._generation = self._generation_family.Metric(labels={"usecase": usecase, "process": process})
        self._series: dict = {}
        self._views: dict = {}
        self._per_batch: dict = {}  # release → the series that every batch adds to: built once, it is the hot path
        self._pending: Any = Counter()
        self._buckets: defaultdict = defaultdict(lambda: [0] * len(BOUNDS))  # rows of each bucket alone
        self._lock = threading.Lock()
        self._errors = 0
        self._add("moebius_rollout_errors_total", 0)
        self._add("moebius_log_errors_total", 0)
        for outcome in OF_NO_RELEASE:
            self._add("moebius_requests_total", 0, release="", outcome=outcome)

    def declare(self, release: str, views: list) -> None:
        """Begin every series of a release at 0: Prometheus does not see the growth up to a first value."""
        for outcome in OF_A_RELEASE:
            self._add("moebius_requests_total", 0, release=release, outcome=outcome)
        for policy in ("reject", "fall_back"):
            self._add("moebius_missing_policy_total", 0, release=release, policy=policy)
        for name in SUMS:
            self._add(name, 0, release=release)
        self._late(release, "moebius_latency_rows_total", 0, 0)
        of = ("release", release)
        self._per_batch[release] = [("moebius_requests_total", of, ("outcome", OK)), *((name, of) for name in SUMS)]
        self._views[release] = views
        for view in views:
            self._add("moebius_feature_lookups_total", 0, view=view)
            for reason in ("missing", "stale", "unavailable"):
                self._add("moebius_feature_missing_total", 0, view=view, reason=reason)

    def declare_shadow(self, release: str) -> None:
        """Begin the series of a release that is a shadow."""
        for outcome in ("ok", "error", "dropped"):
            self._add("moebius_shadow_total", 0, release=release, outcome=outcome)
        for name in ("moebius_shadow_difference_sum_total", "moebius_shadow_changed_total"):
            self._add(name, 0, release=release)
        self._late(release, "moebius_shadow_latency_rows_total", 0, 0)

    def answered(self, release: str, values, lacking: dict, fallback, seconds: float) -> None:
        """Rows of one batch, all answered by the release: the number [N] that is each row's answer, the reasons
        {view: [N]} where features lack, and which rows [N] got the constant scores (or None)."""
        rows, numbers = len(values), values.tolist()
        positive, negative = (sum(n for n in numbers if n > 0), -sum(n for n in numbers if n < 0))
        counted = (rows, seconds * rows, positive, negative)
        with self._lock:
            for key, value in zip(self._per_batch[release], counted, strict=True):
                self._pending[key] += value
            for view in self._views[release]:
                self._pending["moebius_feature_lookups_total", ("view", view)] += rows
            self._buckets["moebius_latency_rows_total", release][bisect_left(BUCKETS, seconds)] += rows
        if lacking:
            self._lack(lacking)
        if fallback is not None:
            self._add("moebius_missing_policy_total", int(fallback.sum()), release=release, policy="fall_back")

    def _lack(self, lacking: dict) -> None:
        for view, reasons in lacking.items():
            for reason, count in Counter(filter(None, reasons)).items():
                self._add("moebius_feature_missing_total", count, view=view, reason=reason)

    def failed(self, outcome: str, release: str, rows: int) -> None:
        """Rows that got an error; ``outcome`` says whose fault it was."""
        self._add("moebius_requests_total", rows, release=release, outcome=outcome)

    def rejected(self, release: str, rows: int, lacking: dict) -> None:
        """Rows that must not be answered without features that they lack."""
        self._add("moebius_missing_policy_total", rows, release=release, policy="reject")
        for view in self._views[release]:
            self._add("moebius_feature_lookups_total", rows, view=view)
        self._lack(lacking)

    def shadowed(
        self, release: str, seconds: float = 0.0, difference: float = 0.0, changed: int = 0, **rows: int
    ) -> None:
        """Copied rows by outcome (``ok``, ``error``, ``dropped``), and how the ok ones compare."""
        for outcome, count in rows.items():
            self._add("moebius_shadow_total", count, release=release, outcome=outcome)
        self._add("moebius_shadow_difference_sum_total", difference, release=release)
        self._add("moebius_shadow_changed_total", changed, release=release)
        self._late(release, "moebius_shadow_latency_rows_total", rows.get("ok", 0), seconds)

    def _late(self, release: str, name: str, rows: int, seconds: float) -> None:
        with self._lock:
            self._buckets[name, release][bisect_left(BUCKETS, seconds)] += rows

    def not_logged(self, rows: int) -> None:
        self._add("moebius_log_errors_total", rows)

    def flush(self, generation: int, errors: int) -> None:
        """Hand on what was counted since the last call."""
        self._add("moebius_rollout_errors_total", errors - self._errors)
        self._errors = errors
        with self._lock:
            for (name, release), rows in self._buckets.items():
                for bound, count in zip(BOUNDS, accumulate(rows), strict=True):
                    self._pending[name, ("release", release), ("bound", bound)] += count
            self._buckets.clear()
            pending, self._pending = self._pending, Counter()
        for key, value in pending.items():
            if key not in self._series:
                name, *labels = key
                self._series[key] = self._families[name].Metric(labels={"usecase": self.usecase, **dict(labels)})
            if value:
                self._series[key].increment(float(value))
        self._generation.set(float(generation))

    def leave(self) -> None:
        """This process ends: its series stays, and must hold up no state that is to be followed from now on."""
        self._generation.set(float("inf"))

    def _add(self, name: str, value: float, **labels: str) -> None:
        with self._lock:
            self._pending[(name, *labels.items())] += value
