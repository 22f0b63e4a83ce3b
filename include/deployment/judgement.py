"""The judgement of a rollout step: figures of both arms, from Prometheus, compared with the spec's abort criteria."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from typing import Any, Literal

from include.contracts.deployment import Judgement
from include.ports.metrics import MetricsServer
from include.specification.running import AbortQuery
from include.specification.usecase import UseCase

MIN_WINDOW_SECONDS = 3  # growth needs two scrapes in its window
MAX_WINDOW_SECONDS = 3600  # an A/B test of days is watched by its last hour
EARLIER_SECONDS = 3  # so that two windows begin and end with other scrapes
MIN_COMPARED = 30  # rows that an arm must have answered before its mean answer says anything
AWAY_SHARE = 0.01
"""Share of lookups without an answer of the online store above which answers say nothing about the releases."""
OURS = "lookup|model"
"""Outcomes of rows that a release failed, as a pattern; a client's bad request is not among them."""


@dataclass(frozen=True)
class Arm:
    """What one release did in the window: rows answered and failed, p99 in ms, sums of the answers above and below 0.

    An answer is the probability, the value, or the largest of K scores. ``measured``: Prometheus met its counters at
    least twice in the window; before that nothing is known of their growth. A rate or mean of nothing is None.
    """

    answered: float = 0.0
    failed: float = 0.0
    p99_ms: float | None = None
    positive: float = 0.0
    negative: float = 0.0
    measured: bool = True

    @property
    def requests(self) -> float:
        return self.answered + self.failed

    @property
    def error_rate(self) -> float | None:
        return self.failed / self.requests if self.requests else None

    @property
    def mean_answer(self) -> float | None:
        return (self.positive - self.negative) / self.answered if self.answered else None


def judge(
    spec: UseCase, metrics: MetricsServer, champion: str, challenger: str, seconds: float, full: bool = False
) -> Judgement:
    """Both arms over the last ``seconds``; with all the traffic (``full``) the challenger's answers stand alone.

    Raises ServiceError when Prometheus does not answer.
    """
    arms = observe(spec, metrics, (champion, challenger), seconds)
    queries = asked(spec, metrics, champion, challenger, seconds)
    return decide(
        spec, champion, challenger, arms, queries, full, lost(spec, metrics, seconds), away(spec, metrics, seconds)
    )


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

    def grown(metric: str, **labels: str) -> dict[str, float]:
        return _by_release(metrics, growth(metric, window, usecase=spec.name, **labels))

    figures = {
        "answered": grown("moebius_requests_total", outcome="ok"),
        "failed": grown("moebius_requests_total", outcome=OURS),
        "positive": grown("moebius_answer_positive_total"),
        "negative": grown("moebius_answer_negative_total"),
    }
    p99 = _by_release(metrics, p99_of("moebius_latency_rows_total", window, usecase=spec.name))
    return {
        name: Arm(
            **{figure: values.get(name, 0.0) for figure, values in figures.items()},
            p99_ms=p99.get(name),
            measured=name in figures["answered"],
        )
        for name in releases
    }


def lost(spec: UseCase, metrics: MetricsServer, seconds: float) -> float | None:
    """Share of the requests that the model server failed before a release had them; None without requests."""
    window = window_of(seconds)
    failed, passed = (
        growth(f"nv_inference_request_{what}", window, "model", model=spec.name) for what in ("failure", "success")
    )
    shares = [share for _, share in metrics.query(f"{failed} / ({failed} + {passed})") if not math.isnan(share)]
    return shares[0] if shares else None


def away(spec: UseCase, metrics: MetricsServer, seconds: float) -> float | None:
    """Share of the lookups that the online store did not answer, of the view with the most; None without lookups."""
    window, of = window_of(seconds), {"usecase": spec.name}
    failed = growth("moebius_feature_missing_total", window, "view", reason="unavailable", **of)
    asked = growth("moebius_feature_lookups_total", window, "view", **of)
    shares = [share for _, share in metrics.query(f"{failed} / {asked}") if not math.isnan(share)]
    return max(shares, default=None)


def growth(metric: str, window: str, by: str = "release", **labels: str) -> str:
    """PromQL: growth of counters in the window; each label is a pattern.

    A series counts from the first of its samples in the window on, so one that Prometheus meets for the first time, or
    again after a gap, brings nothing of what it had counted before. With one sample there is no growth to know yet, and
    the series has no part in the sum. A counter that begins again at 0 is no negative growth.
    """
    return f"sum by ({by}) ({_increase(metric, f'[{window}]', labels)})"


def p99_of(metric: str, window: str, **labels: str) -> str:
    """PromQL: milliseconds within which 99 % of the rows were answered, by release; NaN without rows.

    The least of two windows, the second a little earlier: a scrape while a server hands its counts on has some bounds
    with rows that others do not have yet, and rows would seem to be slow where a window begins or ends with it.
    """
    now, before = (p99_in(f"[{window}]{offset}", metric, labels) for offset in ("", f" offset {EARLIER_SECONDS}s"))
    return f"(({before} < {now}) or {now})"


def p99_in(span: str, metric: str, labels: Mapping[str, str]) -> str:
    """The same in one window, as Prometheus has its samples."""
    rows = f'label_replace({_increase(metric, span, labels)}, "le", "$1", "bound", "(.*)")'
    return f"1000 * histogram_quantile(0.99, sum by (release, le) ({rows}))"


def _increase(metric: str, span: str, labels: Mapping[str, str]) -> str:
    matchers = ",".join(f'{name}=~"{value}"' for name, value in labels.items())
    return f"increase({metric}{{{matchers}}}{span})"


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
    lost: float | None = None,
    away: float | None = None,
) -> Judgement:
    """Passed only with enough requests and without a breach; the reason names every breach with its figures.

    ``lost`` is the share of requests that failed before a release had them; ``away`` that of lookups which the online
    store did not answer: while it is large nothing passes, and answers are not compared.

    Mean answers are compared while both arms answer: what the champion said before (``full``) was about other requests.
    """
    wanted, arm = spec.rollout.min_requests, arms[challenger]
    unknown = away is not None and away > AWAY_SHARE
    shifted = [] if full or unknown else _shifted(spec, champion, challenger, arms)
    alone = [*arm_breaches(spec, challenger, arm.error_rate, arm.p99_ms), *_lost(spec, lost)]
    breaches = [*alone, *shifted, *_broken_limits(spec, queries or {})]
    enough = arm.requests >= wanted and not (unknown and not breaches)
    words = f"{challenger} answered {arm.requests:.0f} requests without a breach, p99 {milliseconds(arm.p99_ms)}"
    few = [] if arm.requests >= wanted else [_too_few(challenger, arm, wanted)]
    if unknown:
        few.append(f"{away:.2%} of the lookups got no answer from the online store: answers are not compared")
    names = ("requests", "error_rate", "p99_ms", "mean_answer")
    figures: dict[str, Any] = {name: {one: getattr(arms[one], name) for one in arms} for name in names}
    reason, passed = "; ".join([*few, *breaches]) or words, enough and not breaches
    return Judgement(enough=enough, passed=passed, reason=reason, breaches=breaches, queries=queries or {}, **figures)


def milliseconds(value: float | None) -> str:
    """A latency in words; None is one without traffic."""
    return "no traffic" if value is None else f"{value:.1f} ms"


def _too_few(release: str, arm: Arm, wanted: int) -> str:
    if not arm.measured:
        return f"no data of {release} yet: Prometheus must meet its counters twice, and {wanted} requests are needed"
    return f"{release} had {arm.requests:.0f} requests, {wanted} are needed to judge"


def _lost(spec: UseCase, share: float | None) -> list[str]:
    allowed = spec.rollout.abort.max_error_rate
    if share is None or share <= allowed:
        return []
    return [f"{share:.2%} of the requests failed in the model server, before a release had them; {allowed:.2%} may"]


def arm_breaches(
    spec: UseCase, release: str, error_rate: float | None, p99_ms: float | None, what: str = "requests"
) -> list[str]:
    """The limits of one release alone that are broken, in words; ``what`` it answered. None: no traffic."""
    limits, faults = spec.rollout.abort, []
    if error_rate is not None and error_rate > limits.max_error_rate:
        faults.append(f"{release} fails {error_rate:.2%} of its {what}, {limits.max_error_rate:.2%} are allowed")
    if p99_ms is not None and p99_ms > limits.max_p99_ms:
        faults.append(f"p99 of {release} is {p99_ms:.1f} ms, {limits.max_p99_ms:g} ms are allowed")
    return faults


def _shifted(spec: UseCase, champion: str, challenger: str, arms: dict[str, Arm]) -> list[str]:
    allowed, new, old = spec.rollout.abort.max_prediction_shift, arms[challenger], arms[champion]
    if min(new.answered, old.answered) < MIN_COMPARED or new.mean_answer is None or old.mean_answer is None:
        return []
    shift = abs(new.mean_answer - old.mean_answer)
    if shift <= allowed:
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
