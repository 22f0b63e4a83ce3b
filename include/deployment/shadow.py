"""The judgement of a shadow: answers to the copies, from Prometheus, compared with the spec's limits."""

import math

from include.contracts.deployment import Judgement
from include.deployment.judgement import arm_breaches, growth, milliseconds, p99_of, window_of
from include.ports.metrics import MetricsServer
from include.specification.usecase import UseCase


def judge(spec: UseCase, metrics: MetricsServer, champion: str, shadow: str, seconds: float) -> Judgement:
    """The copies of the last ``seconds``: errors, p99, changed predictions and mean difference to the answers.

    A dropped copy (the shadow's queue was full) says nothing about the release and is only counted. Raises
    ServiceError when Prometheus does not answer.
    """
    window, about = window_of(seconds), {"usecase": spec.name, "release": shadow}

    def value(promql: str) -> float | None:
        return next((value for _, value in metrics.query(promql) if not math.isnan(value)), None)

    def grown(metric: str, **labels: str) -> float:
        return value(growth(metric, window, **about, **labels)) or 0.0

    return decide(
        spec, champion, shadow,
        counted={outcome: grown("moebius_shadow_total", outcome=outcome) for outcome in ("ok", "error", "dropped")},
        p99_ms=value(p99_of("moebius_shadow_latency_rows_total", window, **about)),
        changed=grown("moebius_shadow_changed_total"),
        difference=grown("moebius_shadow_difference_sum_total"),
    )  # fmt: skip


def decide(
    spec: UseCase,
    champion: str,
    shadow: str,
    counted: dict[str, float],
    *,
    p99_ms: float | None,
    changed: float,
    difference: float,
) -> Judgement:
    """Passed only with enough copies and without a breach.

    ``counted``: rows by outcome (ok, error, dropped); ``changed`` rows with another prediction; ``difference`` is the
    sum of |shadow - champion| over the rows that were answered.
    """
    answered, failed = counted["ok"], counted["error"]
    requests = answered + failed
    figures = {
        "changed": min(changed / answered, 1.0) if answered else None,  # growth of two counters is extrapolated
        "difference": difference / answered if answered else None,
        "dropped": counted["dropped"],
    }
    error_rate = failed / requests if requests else None
    breaches = _breaches(spec, shadow, error_rate, p99_ms, figures)
    wanted = spec.rollout.min_requests
    few = [] if requests >= wanted else [f"{shadow} had {requests:.0f} copies, {wanted} are needed to judge"]
    words = (
        f"{shadow} answered {answered:.0f} copies: {figures['changed'] or 0:.2%} of the predictions differ from "
        f"{champion}, the answers by {figures['difference'] or 0:.4g} on average, p99 {milliseconds(p99_ms)}, "
        f"{counted['dropped']:.0f} dropped"
    )
    return Judgement(
        enough=not few, passed=not few and not breaches, reason="; ".join([*few, *breaches]) or words,
        requests={shadow: requests}, error_rate={shadow: error_rate}, p99_ms={shadow: p99_ms}, mean_answer={},
        breaches=breaches, shadow=figures,
    )  # fmt: skip


def _breaches(
    spec: UseCase, shadow: str, error_rate: float | None, p99_ms: float | None, figures: dict[str, float | None]
) -> list[str]:
    changed, difference, limits = figures["changed"], figures["difference"], spec.rollout.shadow
    faults = arm_breaches(spec, shadow, error_rate, p99_ms, "copies")
    if changed is not None and changed > limits.max_changed:
        faults.append(f"{changed:.2%} of the predictions of {shadow} differ, {limits.max_changed:.2%} may")
    if difference is not None and difference > limits.max_difference:
        words = f"the answers of {shadow} are {difference:.4g} away on average"
        faults.append(f"{words}, {limits.max_difference:g} is allowed")
    return faults
