"""Dead letters of the streams: put back, or deleted."""

import logging
from collections import Counter

from include.errors import NotFoundError
from include.services.composition import Services
from include.specification.usecase import UseCase
from include.streaming import speed_layer

log = logging.getLogger(__name__)


def settle(spec: UseCase, services: Services, view: str, choice: speed_layer.Choice) -> int:
    """Replay or drop the dead letters of one stream; how many. The log says why they were there.

    Raises NotFoundError when the use case streams no such view, or the stream has no dead letter.
    """
    if view not in spec.event_streams:
        raise NotFoundError(f"{spec.name} has no stream {view!r}; it has {sorted(spec.event_streams)}")
    stream = services.adapters.event_stream(spec, view)
    reasons = Counter(letter.reason for letter in stream.dead_letters())
    if not reasons:
        raise NotFoundError(f"{spec.name}: the stream {view} has no dead letter, so there is nothing to {choice}")
    for reason, count in reasons.most_common():
        log.info("%d events: %s", count, reason)
    return speed_layer.settle_dead_letters(stream, choice)
