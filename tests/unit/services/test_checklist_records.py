"""Rows of record tables are looked at once for each version of a table, by whichever services."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from include.contracts.tables import TableHead
from include.services import checklist_records
from include.services.checklist_records import marks
from include.specification.loader import load_usecase
from tests.unit.fakes.adapters import services_in

SPEC, AT = load_usecase("flight_delay"), datetime(2026, 1, 2, tzinfo=UTC)


def test_each_page_has_services_of_its_own_and_none_looks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = list[str]()

    def look(spec: Any, lake: Any) -> dict[str, None]:
        looks.append(spec.name)
        return {"kept": None}

    monkeypatch.setattr(checklist_records, "LOOKS", {"decisions": look})
    for version, home, count in ((1, "a", 1), (1, "a", 1), (2, "a", 2), (2, "b", 3)):
        head = TableHead(version=version, at=AT, sha256=f"{version}" * 64)
        found = marks(services_in(tmp_path / home), SPEC, {"decisions": head})
        assert (found, len(looks)) == ({"decisions": {"kept": AT}}, count)
