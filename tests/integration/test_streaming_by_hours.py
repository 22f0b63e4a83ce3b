"""An hourly use case on a real Redis: departures and landings as events, keys that are computed, hours reconciled."""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr

from include.contracts.period import Period
from include.data import staging
from include.demo.world import dated_events
from include.loop import data_pipeline, stream_reconciliation
from include.services.composition import Services
from include.specification.loader import load_usecase
from include.streaming.speed_layer import SpeedLayer
from tests.integration.privacy_fixtures import KEYS
from tests.integration.redis_fixtures import running_redis

pytestmark = pytest.mark.integration
SPEC = load_usecase("flight_arrivals")
HOURS = Period.ranged("2013-06-03T12Z..2013-06-03T15Z")
WARM = HOURS[-1]
"""Its features look back on three hours with events."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Some hours of a morning are published, Redis runs, and each of their events is handled, a bit out of order."""
    with running_redis(tmp_path_factory.mktemp("hours")) as settings:
        services = Services(settings.model_copy(update={"pseudonym_keys": SecretStr(KEYS)}))
        services.adapters.feature_store.apply()
        for hour in HOURS:
            data_pipeline.collect(SPEC, services, hour, hour)
            data_pipeline.build_features(SPEC, services, hour, hour)
            staging.mark_passed(services.places.staging(SPEC, hour))  # the gates have tests of their own
            data_pipeline.publish(SPEC, services, hour, hour)
        for view in SPEC.streams:
            _stream(services, view)
        yield services


def _stream(services: Services, view: str) -> None:
    stream = services.adapters.event_stream(SPEC, view)
    stream.open()
    layer = SpeedLayer(SPEC, view, stream, services.adapters.feature_store)
    dated = [one for hour in HOURS for one in dated_events(SPEC, services, hour, view)]
    chance = random.Random(7)
    begin = min(moment for moment, _ in dated)
    late = {
        n: chance.uniform(0, 1800) if moment > begin + timedelta(minutes=40) else 0
        for n, (moment, _) in enumerate(dated)
    }
    stream.publish([dated[n][1] for n in sorted(late, key=lambda n: dated[n][0].timestamp() + late[n])])
    while entries := stream.take("test", 150, 0.05):
        layer.handle(entries)
    assert (stream.backlog(), stream.dead_count()) == (0, 0)


def test_an_hour_is_reconciled_by_its_own_rows_and_the_batch_has_the_same(world: Services) -> None:
    results = {result.view: result for result in stream_reconciliation.reconcile(SPEC, world, WARM)}
    differences = {view: (result.differing, result.only_speed) for view, result in results.items()}
    assert differences == dict.fromkeys(SPEC.streams, (0, 0))
    assert all(result.equal for result in results.values())
    assert results["airport_departures"].only_batch == 1, "15:00 looks back to before the first event"


def test_every_pushed_row_is_filed_under_the_hour_of_its_message(world: Services) -> None:
    for view in SPEC.streams:
        stream = world.adapters.event_stream(SPEC, view)
        moments = {hour: [json.loads(row)["event_timestamp"] for row in stream.pushed(hour)] for hour in HOURS}
        filed = {hour: {SPEC.calendar.of(datetime.fromisoformat(moment)) for moment in moments[hour]} for hour in HOURS}
        assert all(found <= {hour} for hour, found in filed.items())
        assert filed[WARM] == {WARM}
        stream.forget(before=WARM)
        assert [bool(stream.pushed(hour)) for hour in HOURS] == [False, False, False, True]
