"""Which tasks of the training follow, and the one that runs in a container."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.providers.docker.operators.docker import DockerOperator

from include.orchestration.containers import ContainerFit, next_tasks
from include.settings import Settings
from include.specification.loader import load_usecase


@pytest.mark.parametrize(
    ("remaining", "runtime", "expected"),
    [
        ("search", "local", ["search", "train_local"]),
        ("fit", "local", ["train_local"]),
        ("search", "docker", ["train_docker"]),
        ("registration", "docker", ["register_candidate"]),
    ],
)
def test_a_container_searches_by_itself_and_what_is_registered_is_looked_up(
    remaining, runtime: str, expected: list[str]
) -> None:
    assert next_tasks(remaining, runtime) == expected


def test_the_container_gets_the_rendered_key_and_ends_with_its_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ran, killed = list[list[str]](), list[bool]()
    monkeypatch.setattr(DockerOperator, "cli", SimpleNamespace(images=lambda name: [name]))
    monkeypatch.setattr(DockerOperator, "_run_image", lambda self: ran.append(self.command))
    monkeypatch.setattr(DockerOperator, "on_kill", lambda self: killed.append(True))
    task = ContainerFit(task_id="t", spec=load_usecase("flight_delay"), settings=Settings(home=tmp_path), key="{{ k }}")
    task.on_kill()
    assert killed == [], "nothing runs yet"
    task.render_template_fields({"k": "order"})
    with caplog.at_level(logging.WARNING):
        task.execute.__wrapped__(task, {})
    assert ran == [["flight_delay", "order"]]
    assert caplog.text == ""
    task.on_kill()
    assert killed == [True]
