"""When a state root was made."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.formats.sealed_text import copy_of
from include.platform import beginning, state
from include.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "var")


def test_the_first_start_is_kept(settings: Settings) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    state.claim(settings)
    made = beginning.moment(settings)
    assert made is not None
    assert before <= made <= datetime.now(UTC)
    (settings.home / "made").write_text("2013-01-01T00:00:00+00:00")
    copy_of(settings.home / "made").unlink()
    state.claim(settings)
    assert beginning.moment(settings) == datetime(2013, 1, 1, tzinfo=UTC)


def test_a_mark_that_cannot_be_read_is_none(settings: Settings) -> None:
    assert beginning.moment(settings) is None
    beginning.mark(settings)
    (settings.home / "made").write_text("yesterday")
    assert beginning.moment(settings) is not None, "the good copy stands in"
    copy_of(settings.home / "made").write_text("damaged")
    assert beginning.moment(settings) is None
