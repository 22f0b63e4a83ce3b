"""The log page reads the files of this host, and asks no log server, whatever the state of the task."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from include.orchestration.task_logs import CONFIG, HostTaskLogs

# Airflow's handler leaves the file to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostTaskLogs:
    handler = HostTaskLogs(str(tmp_path))
    monkeypatch.setattr(handler, "_render_filename", lambda instance, attempt: f"dag_id=x/attempt={attempt}.log")
    monkeypatch.setattr(handler, "_get_executor_get_task_log", lambda instance: lambda *_: ([], []))
    return handler


@pytest.mark.parametrize("state", ["running", "deferred", "success", "failed", "awaiting_input"])
def test_a_log_is_read_from_its_file(logs: HostTaskLogs, tmp_path: Path, state: str) -> None:
    file = tmp_path / "dag_id=x" / "attempt=1.log"
    file.parent.mkdir()
    file.write_text('{"event": "collected 26 tables", "timestamp": "2013-01-01T00:00:00Z"}\n')
    lines = events(logs, state)
    assert "collected 26 tables" in lines
    assert not [line for line in lines if "Could not read served logs" in line]


@pytest.mark.parametrize("state", ["running", "deferred", "failed"])
def test_a_log_that_is_not_there_is_named(logs: HostTaskLogs, state: str) -> None:
    assert any("attempt=1.log does not exist" in line for line in events(logs, state))


def events(logs: HostTaskLogs, state: str) -> list[str]:
    instance = SimpleNamespace(state=state, try_number=1, executor=None, hostname="here", triggerer_job=None, task=None)
    stream, _ = logs._read(instance, 1)  # type: ignore[arg-type]
    return [message if isinstance(message, str) else message.event for message in stream]


def test_airflow_is_told_to_use_it() -> None:
    module, _, name = CONFIG["handlers"]["task"]["class"].rpartition(".")
    assert (module, name) == (HostTaskLogs.__module__, "HostTaskLogs")
