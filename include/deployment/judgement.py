"""The judgement of a rollout step: figures of both arms, from Prometheus, compared with the spec's abort criteria."""

import math
from dataclasses import dataclass
from string import Template
from typing import Any, Literal

from include.contracts.deployment import Judgement
from include.ports.metrics import MetricsServer
from include.specification.running import AbortQuery
from include.specification.usecase import UseCase

MIN_WINDOW_SECONDS = 3  # increase() needs two scrapes in its window
MAX_WINDOW_SECONDS = 3600  # an A/B test of days is watched by its last hour
MIN_COMPARED = 30  # rows that an arm must have answered before its mean answer says anything


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


def judge(
    spec: UseCase, metrics: MetricsServer, champion: str, challenger: str, seconds: float, full: bool = False
) -> Judgement:
    """Both arms over the last ``seconds``; with all the traffic (``full``) the challenger's answers stand alone.

    Raises ServiceError when Prometheus does not answer.
    """
    arms = observe(spec, metrics, (champion, challenger), seconds)
    return decide(spec, champion, challenger, arms, asked(spec, metrics, champion, challenger, seconds), full)


def asked(
    spec: UseCase, metrics: MetricsServer, champion: str, challenger: str, seconds: float
) -> dict[str, float | None]:
    """Abort query → its worst sample over the last ``seconds``; None without one."""
    names = {"usecase": spec.name, "champion": champion, "challenger": challenger, "window": window_of(seconds)}
    found = {}
    for query in spec.rollout.abort.queries:
        samples = metrics.query(Template(query.query).substitute(names))
        values = [value for _, value in samples if not math.isnan(value)]
        found[query.name] = (max(values) if query.above is not None else min(values)) if values else None
    return found


def window_of(seconds: float) -> str:
    """A PromQL window."""
    return f"{min(max(math.ceil(seconds), MIN_WINDOW_SECONDS), MAX_WINDOW_SECONDS)}s"


def standing(
    spec: UseCase, judgement: Judgement, watched: float, full: bool = False
) -> Literal["go", "wait", "breached", "not_judged"]:
    """Where a step stands after ``watched`` seconds.

    With all the traffic (``full``) there is nothing to choose between any more, so silence is no reason to go back:
    after the bake time the step passes unless a criterion is broken.
    """
    limits = spec.rollout
    if judgement.enough and judgement.breaches:
        return "breached"
    if watched >= limits.bake_seconds and (judgement.enough or (full and not judgement.breaches)):
        return "go"
    if watched > limits.max_wait_seconds:
        return "breached" if judgement.breaches else "not_judged"
    return "wait"


def observe(spec: UseCase, metrics: MetricsServer, releases: tuple[str, ...], seconds: float) -> dict[str, Arm]:
    """Each release's figures over the last ``seconds``; zeros for a release that answered nothing."""
    window = window_of(seconds)

    def grown(metric: str, by: str = "release", **labels: str) -> str:
        return growth(metric, window, by, usecase=spec.name, **labels)

    p99 = f"histogram_quantile(0.99, {grown('moebius_latency_seconds_bucket', by='release, le')})"
    figures = {
        "answered": _by_release(metrics, grown("moebius_requests_total", outcome="ok")),
        "failed": _by_release(metrics, grown("moebius_requests_total", outcome="error")),
        "p99_ms": _by_release(metrics, f"1000 * {p99}"),
        "positive": _by_release(metrics, grown("moebius_answer_positive_total")),
        "negative": _by_release(metrics, grown("moebius_answer_negative_total")),
    }
    return {name: Arm(**{figure: values.get(name, 0.0) for figure, values in figures.items()}) for name in releases}


def growth(metric: str, window: str, by: str = "release", **labels: str) -> str:
    """PromQL: growth of counters in the window, the first value of a series that began in it included.

    ``increase`` alone begins at the first scrape, and would not see a new release's first second.
    """
    wanted = ",".join(f'{name}="{value}"' for name, value in labels.items())
    series = f"{metric}{{{wanted}}}"
    since = f"sum by ({by}) (increase({series}[{window}]))"
    begun = f"sum by ({by}) (min_over_time({series}[{window}]) unless {series} offset {window})"
    return f"({since} + ({begun} or 0 * {since}))"


def _by_release(metrics: MetricsServer, promql: str) -> dict[str, float]:
    """Without traffic a quantile is NaN: as if there were no sample."""
    samples = ((labels.get("release", ""), value) for labels, value in metrics.query(promql))
    return {release: value for release, value in samples if not math.isnan(value)}


def decide(
    spec: UseCase,
    champion: str,
    challenger: str,
    arms: dict[str, Arm],
    queries: dict[str, float | None] | None = None,
    full: bool = False,
) -> Judgement:
    """Passed only with enough requests and without a breach; the reason names every breach with its figures.

    Mean answers are compared while both arms answer: what the champion said before (``full``) was about other requests.
    """
    wanted, arm = spec.rollout.min_requests, arms[challenger]
    shifted = [] if full else _shifted(spec, champion, challenger, arms)
    alone = arm_breaches(spec, challenger, arm.error_rate, arm.p99_ms)
    breaches = [*alone, *shifted, *_broken_limits(spec, queries or {})]
    enough = arm.requests >= wanted
    words = f"{challenger} answered {arm.requests:.0f} requests without a breach, p99 {arm.p99_ms:.1f} ms"
    few = [] if enough else [f"{challenger} had {arm.requests:.0f} requests, {wanted} are needed to judge"]
    names = ("requests", "error_rate", "p99_ms", "mean_answer")
    figures: dict[str, Any] = {name: {one: getattr(arms[one], name) for one in arms} for name in names}
    reason, passed = "; ".join([*few, *breaches]) or words, enough and not breaches
    return Judgement(enough=enough, passed=passed, reason=reason, breaches=breaches, queries=queries or {}, **figures)


def arm_breaches(spec: UseCase, release: str, error_rate: float, p99_ms: float, what: str = "requests") -> list[str]:
    """The limits of one release alone that are broken, in words; ``what`` it answered."""
    limits, faults = spec.rollout.abort, []
    if error_rate > limits.max_error_rate:
        faults.append(f"{release} fails {error_rate:.2%} of its {what}, {limits.max_error_rate:.2%} are allowed")
    if p99_ms > limits.max_p99_ms:
        faults.append(f"p99 of {release} is {p99_ms:.1f} ms, {limits.max_p99_ms:g} ms are allowed")
    return faults


def _shifted(spec: UseCase, champion: str, challenger: str, arms: dict[str, Arm]) -> list[str]:
    allowed, new, old = spec.rollout.abort.max_prediction_shift, arms[challenger], arms[champion]
    shift = abs(new.mean_answer - old.mean_answer)
    if min(new.answered, old.answered) < MIN_COMPARED or shift <= allowed:
        return []
    return [
        f"the mean answer of {challenger} is {new.mean_answer:.3f}, of {champion} "
        f"{old.mean_answer:.3f}: {shift:.3f} apart, {allowed:g} is allowed"
    ]


def _broken_limits(spec: UseCase, values: dict[str, float | None]) -> list[str]:
    return list(filter(None, (_broken(query, values.get(query.name)) for query in spec.rollout.abort.queries)))


def _broken(one: AbortQuery, value: float | None) -> str:
    if value is not None and one.above is not None and value > one.above:
        return f"{one.name} is {value:.4g}, at most {one.above:g} is allowed"
    if value is not None and one.below is not None and value < one.below:
        return f"{one.name} is {value:.4g}, at least {one.below:g} is needed"
    return ""
