"""Looks at the platform find what is there, and say what is not."""

from pathlib import Path

import pytest

from include.services import platform_checks, probes
from include.services.composition import Services
from include.services.platform_checks import CHECKS
from include.specification.loader import load_usecase
from tests.unit.fakes.adapters import services_in
from tests.unit.fakes.approvals import approve

SPEC = load_usecase("flight_delay")
NEEDS_AN_ANSWER = {"cards", "cost"}
"""Looks that ask MLflow."""


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path)


@pytest.mark.parametrize("name", sorted(set(CHECKS) - NEEDS_AN_ANSWER))
def test_a_look_at_an_empty_state_root_finds_nothing_that_is_not_there(
    name: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform_checks, "_answers", lambda url: False)
    found = CHECKS[name](services)
    assert found.code in ("found", "missing")
    assert found.facts["what"]
    there = {"usecases", "roles", "computing", "storage", "keys", "containers"}
    if name not in there and not name.startswith("suite_"):
        assert found.state in ("none", "down")


def test_a_table_is_there_once_it_was_written(services: Services) -> None:
    assert (probes.table(services, "approvals").state, probes.table(services, "approvals").code) == (
        "idle",
        "unwritten",
    )
    approve(services, SPEC, 2)
    found = probes.table(services, "approvals")
    assert (found.state, found.facts["usecase"]) == ("healthy", SPEC.name)


def test_facts_name_the_use_cases_that_declare_them() -> None:
    assert probes.fact("cnn").facts["usecases"] == "digit_image"
    assert probes.fact("transformer").code == "undeclared"


def test_a_series_is_there_when_prometheus_counts_it(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    assert probes.metric(services, "up").code == "no_series"
    monkeypatch.setattr(services.adapters.metrics_server, "query", lambda promql: [({}, 7.0)])
    assert probes.metric(services, "up").facts == {"metric": "up", "count": "7"}


def test_long_lists_are_cut() -> None:
    assert probes.named("abcde") == "a, b, c, d +1"
    assert probes.named([]) == ""


def test_the_newest_file_is_named(services: Services) -> None:
    file = services.settings.edge_bundles / SPEC.name / "r0001.zip"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x")
    found = CHECKS["edge"](services)
    assert found.state == "healthy"
    assert str(found.facts["what"]).startswith("edge/flight_delay/r0001.zip, ")


def test_a_full_disk_is_ill(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform_checks, "LEAST_FREE", 1.0)
    assert CHECKS["storage"](services).state == "degraded"


def test_expectations_of_the_suites_are_counted_by_dimension(services: Services) -> None:
    assert int(CHECKS["suite_completeness"](services).facts["what"].rpartition(" ")[2]) > 10
