"""Verdicts are found again by what they compared."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.contracts.evaluation import PartGain, Verdict
from include.services import verdicts
from include.services.composition import Services
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import SPEC, refit_of, register


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path)


def judged(services: Services, version: int, over: str | None, gain: float) -> None:
    verdict = Verdict(
        usecase=SPEC.name, decision="promote", rule="r", reason="better", candidate=version, champion=9,
        champion_release=over, cells=[], differences={}, gates=[], self_test="passed",
        decided_at=datetime(2026, 1, 2, tzinfo=UTC), gain_by_part=[PartGain(part="2013-04-01", rows=900, gain=gain)],
    )  # fmt: skip
    verdicts.store(
        SPEC, services, services.approvals.model(SPEC, version), verdict, by="asset_triggered", people=["ann"]
    )


def stated(services: Services, version: int, over: str) -> float | None:
    found = verdicts.newest_over(SPEC, services, version, over)
    return found.gain_by_part[0].gain if found else None


def test_the_newest_verdict_over_the_replaced_release_counts_for_the_refit_too(services: Services) -> None:
    proof = register(services, people=["ann"])
    for over, gain in (("r0001", 0.01), ("r0001", 0.02), ("r0002", 0.03)):
        judged(services, proof.version, over, gain)
    refitted, other = refit_of(services, proof), register(services, people=["ann"])
    judged(services, other.version, "r0001", 0.5)
    assert [stated(services, version, "r0001") for version in (proof.version, refitted.version)] == [0.02, 0.02]
    assert (stated(services, refitted.version, "r0002"), stated(services, refitted.version, "r0003")) == (0.03, None)


def test_a_first_release_has_no_verdict_over_another_one(services: Services) -> None:
    first = register(services, people=["ann"])
    assert stated(services, first.version, "r0001") is None
    judged(services, first.version, None, 0.01)
    assert stated(services, first.version, "r0001") is None
