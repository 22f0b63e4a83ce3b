"""What supervisord gave up is tried again after a rest; it is said only of a service that is really gone."""

from pathlib import Path

import pytest

from include.contracts.platform import events_file, read_events
from include.platform.supervisor import Supervisor
from include.platform.supervisord import Program
from include.processes.keeper import supervision
from include.settings import Settings


@pytest.mark.parametrize("runs", [True, False])
def test_a_holder_that_fails_beside_a_service_that_runs_is_no_service_that_was_given_up(
    tmp_path: Path, runs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "platform").mkdir()
    now, started = [0.0], list[str]()
    monkeypatch.setattr(supervision.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(supervision.supervisord, "programs", lambda settings: [Program("redis", "FATAL", 0)])
    monkeypatch.setattr(supervision.supervisord, "start_program", lambda settings, name: started.append(name))
    monkeypatch.setattr(Supervisor, "process", lambda self, name: object() if runs or name == "supervisord" else None)
    monkeypatch.setattr(Supervisor, "is_wanted", lambda self, name: True)
    watched = supervision.Supervision(Settings(home=tmp_path), Supervisor(tmp_path / "platform", "127.0.0.1"))
    for now[0] in (0.0, 2.0, supervision.REST_SECONDS - 1):
        watched.look()
    assert started == []
    now[0] = supervision.REST_SECONDS + 1
    watched.look()
    assert started == ["redis"]
    said = [(event.service, event.what) for event in read_events(events_file(tmp_path))]
    assert said == ([] if runs else [("redis", "gave_up")])
