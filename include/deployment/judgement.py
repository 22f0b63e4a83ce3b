"""The judgement of a rollout step: both arms, from Prometheus, against the spec's abort criteria."""

import math
from dataclasses import dataclass

from include.contracts import Judgement
from include.ports import MetricsServer
from include.usecase import UseCase

MIN_WINDOW_SECONDS = 3  # increase() needs two scrapes in its window


@dataclass(frozen=True)
class Arm:
    """What one release did in the window: rows answered and failed, p99 in ms, sums of the answers above and below 0.

    An answer is the probability, the value, or the largest of K scores.
    """

    answered: float = 0.0
    failed: float = 0.0
    p99_ms: float = 0.0
    positive: float = 0.0
    negative: float = 0.0

    @property
    def requests(self) -> float:
        return self.answered + self.failed

    @property
    def error_rate(self) -> float:
        return self.failed / self.requests if self.requests else 0.0

    @property
    def mean_answer(self) -> float:
        return (self.positive - self.negative) / self.answered if self.answered else 0.0


def judge(spec: UseCase, metrics: MetricsServer, champion: str, challenger: str, seconds: float) -> Judgement:
    """Both arms over the last ``seconds``; raises ServiceError when Prometheus does not answer."""
    return decide(spec, champion, challenger, observe(spec, metrics, (champion, challenger), seconds))


def observe(spec: UseCase, metrics: MetricsServer, releases: tuple[str, ...], seconds: float) -> dict[str, Arm]:
    """Each release's figures over the last ``seconds``; zeros for a release that answered nothing."""
    window = f"{max(math.ceil(seconds), MIN_WINDOW_SECONDS)}s"

    def grown(metric: str, by: str = "release", **labels: str) -> str:
        wanted = ",".join(f'{name}="{value}"' for name, value in {"usecase": spec.name, **labels}.items())
        return _growth(f"{metric}{{{wanted}}}", window, by)

    p99 = f"histogram_quantile(0.99, {grown('moebius_latency_seconds_bucket', by='release, le')})"
    figures = {
        "answered": _by_release(metrics, grown("moebius_requests_total", outcome="ok")),
        "failed": _by_release(metrics, grown("moebius_requests_total", outcome="error")),
        "p99_ms": _by_release(metrics, f"1000 * {p99}"),
        "positive": _by_release(metrics, grown("moebius_answer_positive_total")),
        "negative": _by_release(metrics, grown("moebius_answer_negative_total")),
    }
    return {name: Arm(**{figure: values.get(name, 0.0) for figure, values in figures.items()}) for name in releases}


def _growth(series: str, window: str, by: str) -> str:
    """PromQL: growth of counters in the window, the first value of a series that began in it included.

    ``increase`` alone begins at the first scrape, and would not see a new release's first second.
    """
    since = f"sum by ({by}) (increase({series}[{window}]))"
    begun = f"sum by ({by}) (min_over_time({series}[{window}]) unless {series} offset {window})"
    return f"({since} + ({begun} or 0 * {since}))"


def _by_release(metrics: MetricsServer, promql: str) -> dict[str, float]:
    """Without traffic a quantile is NaN: as if there were no sample."""
    samples = ((labels.get("release", ""), value) for labels, value in metrics.query(promql))
    return {release: value for release, value in samples if not math.isnan(value)}


def decide(spec: UseCase, champion: str, challenger: str, arms: dict[str, Arm]) -> Judgement:
    """Passed only with enough requests and without a breach; the reason names every breach with its figures."""
    wanted, arm = spec.rollout.min_requests, arms[challenger]
    faults = _faults(spec, champion, challenger, arms)
    enough = arm.requests >= wanted
    words = f"{challenger} answered {arm.requests:.0f} requests without a breach, p99 {arm.p99_ms:.1f} ms"
    if not enough:
        faults = [f"{challenger} had {arm.requests:.0f} requests, {wanted} are needed to judge", *faults]
    return Judgement(
        enough=enough,
        passed=not faults,
        reason="; ".join(faults) or words,
        requests={name: one.requests for name, one in arms.items()},
        error_rate={name: one.error_rate for name, one in arms.items()},
        p99_ms={name: one.p99_ms for name, one in arms.items()},
        mean_answer={name: one.mean_answer for name, one in arms.items()},
    )


def _faults(spec: UseCase, champion: str, challenger: str, arms: dict[str, Arm]) -> list[str]:
    limits, new, old = spec.rollout.abort, arms[challenger], arms[champion]
    faults = []
    if new.error_rate > limits.max_error_rate:
        faults.append(
            f"{challenger} fails {new.error_rate:.2%} of its requests, {limits.max_error_rate:.2%} are allowed"
        )
    if new.p99_ms > limits.max_p99_ms:
        faults.append(f"p99 of {challenger} is {new.p99_ms:.1f} ms, {limits.max_p99_ms:g} ms are allowed")
    shift = abs(new.mean_answer - old.mean_answer)
    if new.answered and old.answered and shift > limits.max_prediction_shift:
        faults.append(
            f"the mean answer of {challenger} is {new.mean_answer:.3f}, of {champion} "
            f"{old.mean_answer:.3f}: {shift:.3f} apart, {limits.max_prediction_shift:g} is allowed"
        )
    return faults
