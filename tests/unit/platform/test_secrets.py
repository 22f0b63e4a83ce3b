"""Which variables sources need: found in every spec, given to the scheduler only, and named when they are missing."""

from pathlib import Path

import pytest

from include.platform import secrets
from include.platform.embedded import Platform
from include.platform.servers import service
from include.platform.topology import instances
from include.settings import Settings

SPEC = """
name: {name}
sources:
  orders: {{options: {{url: "https://depot/${{DEPOT_TOKEN}}"}}}}
  stock: {{options: {{url: "${{connection:depot}}"}}}}
  # a comment about ${{NOBODY}}
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """With two use cases that need variables; one of the specs cannot be loaded."""
    for name in ("first", "second"):
        file = tmp_path / "include" / "usecases" / name / "usecase.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(SPEC.format(name=name))
    monkeypatch.setattr(secrets, "ROOT", tmp_path)
    for variable in ("DEPOT_TOKEN", "AIRFLOW_CONN_DEPOT", "NOBODY"):
        monkeypatch.delenv(variable, raising=False)
    return Settings(home=tmp_path / "var")


def test_every_variable_that_a_spec_names_is_found(settings: Settings) -> None:
    both = ["first", "second"]
    assert secrets.source_variables() == {"DEPOT_TOKEN": both, "AIRFLOW_CONN_DEPOT": both}


def test_a_variable_that_a_source_needs_is_named_with_its_use_cases_when_it_is_not_set(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPOT_TOKEN", "secret-of-the-depot")
    (line,) = Platform(settings)._missing_variables()
    assert line.startswith("AIRFLOW_CONN_DEPOT is not set, and a source of first, second needs it")
    assert "`make down` and `make up`" in line


def test_a_restart_gives_the_new_value_to_the_tasks_and_to_nobody_else(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in ("secret-of-the-depot", "another-secret"):
        monkeypatch.setenv("DEPOT_TOKEN", value)
        given = {i.name: service(i).env.get("DEPOT_TOKEN") for i in instances(settings)}
        assert {name: held for name, held in given.items() if held} == {"airflow-scheduler": value}
