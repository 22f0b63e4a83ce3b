"""A consumer process of streamed requests; a module of its own, so that starting one imports little."""

import threading

from include.adapters.stream_metrics import ScoringMetrics, StreamMetrics
from include.processes.scorer import Scorer
from include.settings import Settings
from include.specification.usecase import UseCase


def work(spec: UseCase, settings: Settings) -> None:
    metrics = ScoringMetrics(StreamMetrics().registry)
    Scorer(spec, spec.event_streams[-1], settings, metrics, threading.Event()).run()
