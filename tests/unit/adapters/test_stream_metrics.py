"""What the consumer process says of its streams."""

from datetime import UTC, datetime

from prometheus_client import generate_latest

from include.adapters.stream_metrics import Reading, ScoringMetrics, StreamMetrics
from include.contracts.period import Period
from include.contracts.streaming import Reconciliation
from include.errors import ServiceError

AT = ("flights", "weather")
RESULT = Reconciliation(view="weather", period=Period("2013-05"), equal=7, differing=1, only_speed=0, only_batch=2)


def lines(metrics: StreamMetrics | ScoringMetrics) -> set[str]:
    return set(generate_latest(metrics.registry).decode().splitlines())


def test_a_stream_is_told_by_use_case_and_view() -> None:
    metrics = StreamMetrics()
    metrics.watch(AT, lambda: Reading(3, 1, datetime(2013, 6, 2, tzinfo=UTC), RESULT, datetime(2013, 6, 1, tzinfo=UTC)))
    metrics.count(AT, events=4, rows=2, late_events=1, buried_events=0)
    metrics.delayed(AT, [0.0, 0.0])
    found, labels = lines(metrics), 'usecase="flights",view="weather"'
    assert f"moebius_stream_events_total{{{labels}}} 4.0" in found
    assert f"moebius_stream_failures_total{{{labels}}} 0.0" in found
    assert f"moebius_stream_delay_seconds_count{{{labels}}} 2.0" in found
    assert f"moebius_stream_backlog{{{labels}}} 3.0" in found
    assert f'moebius_stream_reconciled_rows{{outcome="equal",{labels}}} 7.0' in found
    assert f"moebius_stream_event_time_seconds{{{labels}}} 1.3701312e+09" in found
    assert f"moebius_stream_reconciled_until_seconds{{{labels}}} 1.3700448e+09" in found


def test_both_kinds_of_streams_share_a_registry() -> None:
    streams = StreamMetrics()
    scoring = ScoringMetrics(streams.registry)
    scoring.watch(("flights",), lambda: Reading(5, 2))
    scoring.count(("flights",), scored=9, buried=1)
    assert 'moebius_scoring_scored_total{usecase="flights"} 9.0' in lines(streams)
    assert 'moebius_scoring_dead_letters{usecase="flights"} 2.0' in lines(streams)
    assert not any("moebius_scoring_reconciled" in line for line in lines(streams))


def test_a_stream_that_cannot_be_read_has_counters_alone() -> None:
    def read() -> Reading:
        raise ServiceError("Redis is away")

    metrics = StreamMetrics()
    metrics.watch(AT, read)
    found = lines(metrics)
    assert any("moebius_stream_failures_total" in line for line in found)
    assert not any("backlog" in line for line in found)
