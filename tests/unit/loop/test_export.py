"""An export has the columns that both who asks and the recipient may read, and is recorded once."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.contracts.period import Period
from include.errors import AccessError, MissingPeriodError, NotFoundError
from include.loop import export
from include.services import export_log
from include.services.composition import Services
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import APRIL, SPEC

ROWS = pa.table({"flight_id": ["a", "b"], "tailnum": ["N1", "N2"]})
RECIPIENTS = {"ada": {"role": "viewer"}}


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = services_in(tmp_path, recipients=RECIPIENTS, airflow_users={"olga": "admin", "vera": "viewer"})
    made.adapters.lake.publish(SPEC.name, "events", ROWS, APRIL)
    made.adapters.exports.keys["ada"] = "public of ada"  # type: ignore[attr-defined]
    return made


def exported(services: Services, recipient: str = "ada", months: Any = (APRIL,), by: str = "olga") -> Any:
    return export.export(SPEC, services, "events", list(months), recipient, "a report", by, "run")


def test_an_unknown_recipient_is_refused_with_those_that_are_known(services: Services) -> None:
    with pytest.raises(AccessError, match=r"\['ada'\]"):
        exported(services, "bob")
    assert services.adapters.exports.names(SPEC.name) == []


def test_a_recipient_without_a_key_gets_nothing(services: Services) -> None:
    services.adapters.exports.keys.clear()  # type: ignore[attr-defined]
    with pytest.raises(NotFoundError, match="has no public key"):
        exported(services)


@pytest.mark.parametrize(("months", "message"), [([], "no month to export"), ([Period("2013-05")], "2013-05")])
def test_a_month_that_is_not_there_is_named(services: Services, months: list, message: str) -> None:
    with pytest.raises(MissingPeriodError, match=message):
        exported(services, months=months)


def test_the_same_run_again_writes_and_records_nothing_new(services: Services) -> None:
    first = exported(services)
    assert exported(services) == first
    (logged,) = export_log.recorded(SPEC, services)
    assert (logged.recipient, logged.requested_by, logged.rows, logged.periods) == ("ada", "olga", 2, [APRIL])


def test_the_lesser_role_of_both_decides_the_columns(services: Services) -> None:
    access = services.access
    expected = [
        column
        for column in ROWS.column_names
        if column in access.visible_columns("viewer", SPEC, "events", ROWS.column_names)
    ]
    (file,) = exported(services).files
    assert [column for column in file.columns if column != "period"] == expected


def test_a_table_that_was_never_published_is_named(services: Services) -> None:
    with pytest.raises(NotFoundError, match="is not in the lake yet"):
        export.read_as(SPEC, services, "admin", "predictions")
