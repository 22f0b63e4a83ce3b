"""Which variables sources need: found in every spec, given to the scheduler only, and named when they are missing."""

import re
from pathlib import Path

import pytest

from include.platform import secrets
from include.platform.embedded import Platform
from include.platform.servers import service
from include.platform.supervisord import NAME, configuration
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


def test_a_restart_gives_the_new_value_to_the_tasks_and_to_who_starts_them_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in ("secret-of-the-depot", "another-secret"):
        monkeypatch.setenv("DEPOT_TOKEN", value)
        given = {i.name: service(i).env.get("DEPOT_TOKEN") for i in instances(settings)}
        assert {name: held for name, held in given.items() if held} == {"airflow-scheduler": value, NAME: value}


def test_a_holder_has_what_its_service_is_started_with_and_nothing_else(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """supervisord carries what no file has; each holder drops what its service does not need before it begins."""
    monkeypatch.setenv("DEPOT_TOKEN", "secret-of-the-depot")
    monkeypatch.setenv("MOEBIUS_PSEUDONYM_KEYS", "k01:of-the-shell")
    text = configuration(Settings(home=settings.home))
    assert "secret-of-the-depot" not in text
    assert "of-the-shell" not in text
    dropped = {
        section.partition("]")[0]: set(re.findall(r"unset (.*?) &&", section)[0].split())
        for section in text.split("[program:")[1:]
    }
    assert "DEPOT_TOKEN" not in dropped["airflow-scheduler"]
    assert "MOEBIUS_PSEUDONYM_KEYS" not in dropped["triton"]
    assert {"DEPOT_TOKEN", "MOEBIUS_PSEUDONYM_KEYS"} <= dropped["redis"]
    assert "MOEBIUS_AIRFLOW_PASSWORD" in dropped["airflow-scheduler"]
    assert "MOEBIUS_AIRFLOW_PASSWORD" not in dropped["airflow-api"], "its preparation writes the file of logins"


def test_what_a_file_of_the_state_root_has_is_not_carried(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.key_file.parent.mkdir(parents=True)
    settings.key_file.write_text("k01:of-the-file\n")
    for given, carried in (("k01:of-the-file", False), ("k01:of-the-shell", True)):
        monkeypatch.setenv("MOEBIUS_PSEUDONYM_KEYS", given)
        assert ("MOEBIUS_PSEUDONYM_KEYS" in secrets.given(Settings(home=settings.home))) == carried
