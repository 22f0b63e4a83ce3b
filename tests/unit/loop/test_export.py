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
from tests.unit.loop.at_once import many_at_once, meeting
from tests.unit.loop.loop_worlds import APRIL, SPEC

ROWS = pa.table({"flight_id": ["a", "b"], "tailnum": ["N1", "N2"]})
USERS = {"olga": "admin", "paul": "admin", "vera": "viewer"}
RECIPIENTS = {"ada": {"role": "viewer"}}


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = services_in(tmp_path, recipients=RECIPIENTS, airflow_users=USERS)
    made.adapters.lake.publish(SPEC.name, "events", ROWS, APRIL)
    made.adapters.exports.keys["ada"] = "public of ada"  # type: ignore[attr-defined]
    return made


def answer(by: str, chosen: str = "Approve") -> dict[str, Any]:
    return {"chosen_options": [chosen], "responded_by_user": {"id": by, "name": by}}


def asked(services: Services, recipient: str = "ada", periods: Any = (APRIL,), by: str = "olga") -> dict[str, Any]:
    return export.ask(SPEC, services, "events", list(periods), recipient, "a report", by)


def exported(services: Services, *args: Any, **options: Any) -> Any:
    return export.export(SPEC, services, asked(services, *args, **options), answer("paul"), "run")


def test_an_unknown_recipient_is_refused_with_those_that_are_known(services: Services) -> None:
    with pytest.raises(AccessError, match=r"\['ada'\]"):
        exported(services, "bob")
    assert services.adapters.exports.names(SPEC.name) == []


def test_a_recipient_without_a_key_gets_nothing(services: Services) -> None:
    services.adapters.exports.keys.clear()  # type: ignore[attr-defined]
    with pytest.raises(NotFoundError, match="has no public key"):
        exported(services)


@pytest.mark.parametrize(("periods", "message"), [([], "no period to export"), ([Period("2013-05")], "2013-05")])
def test_a_period_that_is_not_there_is_named(services: Services, periods: list, message: str) -> None:
    with pytest.raises(MissingPeriodError, match=message):
        exported(services, periods=periods)


def test_the_same_run_again_writes_and_records_nothing_new(services: Services) -> None:
    first = exported(services)
    assert exported(services) == first
    (logged,) = export_log.recorded(SPEC, services)
    assert (logged.recipient, logged.rows, logged.periods) == ("ada", 2, [APRIL])
    assert (logged.requested_by, logged.approved_by) == ("olga", "paul")


def test_nobody_approves_the_export_that_they_asked_for(services: Services) -> None:
    with pytest.raises(AccessError, match="'olga' asked for it, so 'olga' may not"):
        export.export(SPEC, services, asked(services), answer("olga"), "run")
    assert services.adapters.exports.names(SPEC.name) == []
    assert export_log.recorded(SPEC, services) == []


@pytest.mark.parametrize("given", [None, {}, answer("paul", "Reject"), {"chosen_options": ["Approve"]}])
def test_a_required_action_marked_as_success_without_an_answer_exports_nothing(services: Services, given: Any) -> None:
    with pytest.raises(AccessError, match="no person approved this export"):
        export.export(SPEC, services, asked(services), given, "run")
    assert services.adapters.exports.names(SPEC.name) == []


def test_an_export_is_of_the_key_that_was_shown(services: Services) -> None:
    question = asked(services)
    services.adapters.exports.keys["ada"] = "another"  # type: ignore[attr-defined]
    with pytest.raises(AccessError, match="changed after the approval"):
        export.export(SPEC, services, question, answer("paul"), "run")


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


def test_the_same_export_by_many_at_once_is_written_and_recorded_once(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = meeting(export_log.record)
    monkeypatch.setattr(export.export_log, "record", work)
    request = asked(services)
    many_at_once(lambda: export.export(SPEC, services, request, answer("paul"), "run"))
    assert len(export_log.recorded(SPEC, services)) == 1
