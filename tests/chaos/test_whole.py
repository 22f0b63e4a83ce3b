"""The whole platform, every fault: the table of ``docs/reliability.md`` has no "never", "nobody" or raw error."""

import pytest

from tests.chaos import damage
from tests.chaos.catalogue import WHOLE
from tests.chaos.doors import SERVER
from tests.chaos.play import Played, play

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest) -> Played:
    return play(WHOLE, lambda line: print(line, flush=True), whole=True, kinds=damage.KINDS)


def test_everything_came_back_and_somebody_was_told(played: Played) -> None:
    assert [one.name for one in played.findings if one.recovered is None] == []
    assert [one.name for one in played.findings if not one.told and not one.unfelt] == []


def test_no_answer_was_wrong_and_no_row_lost_or_doubled(played: Played) -> None:
    assert [one for one in played.findings if any(cost.wrong for cost in one.cost.values())] == []
    assert [one for one in played.findings if one.rows.doubled or one.rows.lost > one.rows.admitted] == []
    assert played.events == (0, 0)


def test_requests_failed_only_where_the_only_server_was_hit(played: Played) -> None:
    dear = [one for one in played.findings if one.cost[SERVER].failed and not one.bound]
    assert dear == []


def test_damage_is_repaired_or_named(played: Played) -> None:
    bad = [one for one in played.damaged if one.result not in (damage.AS_BEFORE, damage.NAMED)]
    assert bad == []


def test_status_names_what_died(played: Played) -> None:
    died = {service for one in played.findings for service in ("triton", "exporter") if one.name.startswith(service)}
    assert all(service in played.status for service in died)
