"""The wall clock of a real model server is set by a day, forward and back: a lease neither ends nor stays for ever."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.contracts import steady
from include.contracts.deployment import Lease
from include.deployment import rollout
from tests.integration.pipeline_fixtures import Serving, request_rows, requests_frame, wait_until

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed, so no clock of a process can be set"),
]
FIRST, SECOND = "r0001", "r0002"
DAY = 24 * 3600.0


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server whose wall clock is as many seconds ahead as the file ``clock`` below the state root says."""
    serving = Serving(tmp_path_factory.mktemp("clocks"))
    serving.fill_online_store()
    serving.release(1), serving.release(2)
    clock(serving, 0)
    faked = {
        "LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(serving.settings.home / "clock"),
        "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip
    with serving.answering(FIRST, **faked):
        yield serving


def clock(serving: Serving, ahead: float) -> None:
    (serving.settings.home / "clock").write_text(f"{ahead:+.0f}s\n")


def answering(serving: Serving) -> set[str]:
    rows = request_rows(requests_frame(30))
    return {answer["release"] for answer in serving.server.infer(serving.spec.name, rows)}


def beat(serving: Serving) -> float:
    return serving.figure("moebius_alive_timestamp_seconds", model=serving.spec.name) - time.time()


@pytest.mark.parametrize("step", [DAY, -DAY], ids=["a day forward", "a day back"])
def test_a_lease_ends_in_time_whatever_the_clock_of_the_server_says(serving: Serving, step: float) -> None:
    state = serving.serve(FIRST)
    clock(serving, 0)
    serving.switch(rollout.shift(state, SECOND, 0.5, lease=600))
    assert answering(serving) == {FIRST, SECOND}
    clock(serving, step)
    wait_until(lambda: abs(beat(serving) - step) < DAY / 2, what="the server lives by the new clock")
    assert answering(serving) == {FIRST, SECOND}, "the lease goes on"
    given = steady.now().model_copy(update={"uptime": steady.now().uptime - 600})
    over = rollout.renew(serving.rollout_state(), 0).model_copy(update={"lease": Lease(seconds=601, given=given)})
    serving.switch(over)
    wait_until(lambda: answering(serving) == {FIRST}, what="the end of a lease of which a second was left")
    serving.serve(FIRST)


def test_a_release_is_followed_by_a_server_whose_clock_was_set_back(serving: Serving) -> None:
    clock(serving, -DAY)
    serving.serve(SECOND)
    assert answering(serving) == {SECOND}
    clock(serving, 0)
    serving.serve(FIRST)
    assert answering(serving) == {FIRST}
