"""What the exporter process exposes."""

from pathlib import Path

from include.adapters.metrics_exporter import Polled
from include.operations.alerts.platform_alerts import UP
from include.processes.exporter import collectors
from include.settings import Settings


def test_a_scrape_is_answered_in_time_whatever_hangs(tmp_path: Path) -> None:
    """The scrape's time-out is at least a second; a target that takes longer counts as down."""
    polled = [one for one in collectors(Settings(home=tmp_path)) if isinstance(one, Polled)]
    assert sum(one.patience for one in polled) < 0.8


def test_every_kind_of_record_that_is_read_has_a_rule_for_when_it_cannot_be(tmp_path: Path) -> None:
    polled = [one for one in collectors(Settings(home=tmp_path)) if isinstance(one, Polled)]
    assert sorted(one.up for one in polled) == sorted(UP)
