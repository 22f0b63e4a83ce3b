"""A range is reconciled when all of it is published, and not in part."""

from pathlib import Path

import pytest

from include.errors import NotFoundError
from include.loop import stream_reconciliation
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import APRIL, SPEC, publish


def test_a_range_with_a_period_that_is_not_published_is_refused_before_any_is_reconciled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = services_in(tmp_path)
    publish(services, "2013-04")
    reconciled: list[str] = []
    monkeypatch.setattr(stream_reconciliation, "reconcile", lambda *given: reconciled.append(given[2]) or [])
    with pytest.raises(NotFoundError, match="2013-05"):
        stream_reconciliation.reconcile_all(SPEC, services, APRIL, APRIL.shift(1))
    assert reconciled == []
    publish(services, "2013-05")
    assert stream_reconciliation.reconcile_all(SPEC, services, APRIL, APRIL.shift(1)) == [[], []]
    assert reconciled == ["2013-04", "2013-05"]
