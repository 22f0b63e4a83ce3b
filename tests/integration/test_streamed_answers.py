"""Answers on the stream of results are kept for ``retention.predictions``, and no longer."""

from datetime import UTC, datetime, timedelta

import pytest

from include.loop import scrub
from include.services.composition import Services
from include.settings import Settings
from include.specification.data import ScoringSpec
from tests.integration.redis_fixtures import redis_settings  # noqa: F401
from tests.unit.evaluation.evaluation_specs import small_spec

pytestmark = pytest.mark.integration
KEPT = small_spec(retention={"predictions": "3 months"})
SPEC = KEPT.model_copy(update={"scoring": ScoringSpec(stream="questions")})


def test_what_is_promised_is_deleted_from_the_stream_of_results_too(redis_settings: Settings) -> None:  # noqa: F811
    services, now = Services(redis_settings), datetime.now(UTC)
    stream = services.adapters.scoring_stream(SPEC)
    begun = SPEC.calendar.start(SPEC.calendar.of(now))
    cut = SPEC.retention.predictions.before(begun, SPEC.calendar.timezone)
    for name, written in {"old": cut - timedelta(seconds=1), "first": cut, "new": now}.items():
        place = f"{int(written.timestamp() * 1000)}-0"
        stream._client.xadd(stream._results, {"result": f'{{"id": "{name}"}}', "entry": place}, id=place)
    assert [scrub.forget_answers(SPEC, services) for _ in range(2)] == [{"results": 1}, {"results": 0}]
    assert [result["id"] for result in stream.results()] == ["first", "new"]
    stream.close()


def test_no_stream_is_asked_where_requests_come_by_none(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert Services(Settings(home=tmp_path_factory.mktemp("home"), redis_port=1)).answers.forget_streamed(KEPT) == {}
