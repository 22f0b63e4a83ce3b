"""Events of an airport that no request is about, and whether each became its row, once and right."""

import json
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from include.adapters.event_stream import RedisEventStream
from include.errors import ServiceError
from include.services.composition import Services
from tests.integration.pipeline_fixtures import SPEC, wait_until

VIEW, AIRPORT, PAUSE = "airport_weather", "ZZZ", 0.5
FIRST = datetime(2013, 3, 1, tzinfo=UTC)
READINGS = {"temp": 50.0, "dewp": 40.0, "humid": 60.0, "wind_speed": 5.0, "pressure": 1000.0, "visib": 10.0}
RAIN = 0.25
"""Of every hour: six hours have 1.5, and an hour that counts twice has more."""
DONE_SECONDS = 120.0


class Feed:
    """Publishes one hour after the other from a thread of its own; what Redis does not take is published again."""

    def __init__(self, services: Services) -> None:
        self.stream: RedisEventStream = services.adapters.event_stream(SPEC, VIEW)
        self.published: list[datetime] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._publish, name="chaos feed")

    def __enter__(self) -> "Feed":
        self.stream.open()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.stream.close()

    def _publish(self) -> None:
        hour = FIRST
        while not self._stop.wait(PAUSE):
            try:
                self.stream.publish([_event(hour)])
            except ServiceError:
                continue
            self.published.append(hour)
            hour += timedelta(hours=1)

    def lost_and_wrong(self) -> tuple[int, int]:
        """Once the stream is empty: hours without a row, and rows that are not as their events say."""
        published = list(self.published)
        wait_until(self._done, DONE_SECONDS, "every event being processed")
        periods = sorted({SPEC.calendar.of(hour) for hour in published})
        rows = [json.loads(row) for period in periods for row in self.stream.pushed(period)]
        ours = {_moment(row): row for row in rows if row["origin"] == AIRPORT}
        full = published[SPEC.streams[VIEW].window_hours :]  # the first hours have no whole window behind them
        there = [ours[_known(hour)] for hour in full if _known(hour) in ours]
        return len(full) - len(there), sum(row["precip_6h"] != 6 * RAIN for row in there)

    def _done(self) -> bool:
        try:
            return self.stream.backlog() == 0
        except ServiceError:
            time.sleep(0.2)
            return False


def _event(hour: datetime) -> dict[str, Any]:
    return {"origin": AIRPORT, "time_hour": hour.isoformat(), "precip": RAIN, **READINGS}


def _known(hour: datetime) -> datetime:
    """When the features of an hour may be used."""
    return hour + timedelta(hours=1)


def _moment(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(row["event_timestamp"]).replace("Z", "+00:00")).astimezone(UTC)
