"""What a request is in the audit log."""

import pytest

from include.governance import request_events
from include.governance.request_events import Seen

RUN = "/api/v2/dags/flight_delay.training/dagRuns"


@pytest.mark.parametrize(
    ("method", "path", "kind", "action"),
    [
        ("POST", RUN, "use", "trigger"),
        ("POST", f"{RUN}/r/clear", "use", "clear"),
        ("PATCH", f"{RUN}/r", "change", "mark"),
        ("PATCH", f"{RUN}/r/taskInstances/t/-1/hitlDetails", "decision", "answer"),
        ("DELETE", f"{RUN}/r/taskInstances/t", "change", "delete"),
        ("DELETE", f"{RUN}/r/taskInstances/t/xcomEntries/k", "change", "write_xcom"),
        ("PATCH", "/api/v2/dags/flight_delay.training", "change", "pause"),
        ("POST", "/api/v2/variables", "change", "write_variable"),
        ("PATCH", "/api/v9/new", "change", "send_request"),
        ("DELETE", "/moebius/new\nroute", "change", "send_request"),
    ],
)
def test_what_may_change_something_is_an_event_also_of_a_route_that_nobody_named(
    method: str, path: str, kind: str, action: str
) -> None:
    assert request_events.changes(method, path, {"dry_run": False})
    assert request_events.change(method, path) == Seen(kind, action)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", RUN, {}),
        ("POST", f"{RUN}/r/clear", {}),  # Airflow previews a clear unless it is told not to
        ("PATCH", f"{RUN}/r/taskInstances/t/dry_run", {"new_state": "success"}),
        ("POST", "/api/v2/dags/~/dagRuns/list", {}),
        ("POST", "/execution/task-instances/1/run", {}),
    ],
)
def test_what_only_reads_or_previews_is_no_change(method: str, path: str, body: dict[str, object]) -> None:
    assert not request_events.changes(method, path, body)


@pytest.mark.parametrize(
    ("path", "action", "rows"),
    [
        ("/moebius/", "open_page", False),
        ("/moebius/loops/flight_delay", "open_page", False),
        ("/moebius/catalog/flight_delay/table/events", "open_page", False),
        ("/moebius/catalog/flight_delay/sheet/events", "read_data_sheet", True),
        ("/moebius/rows/flight_delay", "open_page", True),
        ("/moebius/catalog/flight_delay\n", "open_page", True),
        ("/api/v2/variables/keys", "read_secrets", True),
        (f"{RUN}/r/taskInstances/t/hitlDetails", "read_form", True),
    ],
)
def test_every_page_is_an_event_and_one_that_nobody_named_counts_as_rows(path: str, action: str, rows: bool) -> None:
    assert request_events.look(path) == Seen("access", action, rows)


def test_what_shows_nothing_of_anybody_is_none() -> None:
    assert [request_events.look(path) for path in ("/moebius/static/frame.js", "/api/v2/version", "/ui/config")] == [
        None
    ] * 3


def test_an_event_names_the_object_and_keeps_no_value_of_a_field_that_may_hold_anything() -> None:
    body = {"conf": {"subject": "N12345", "operation": "pin", "reason": "audit 7\n"}, "note": "N12345"}
    seen = request_events.change("POST", RUN)
    event = request_events.event("POST", RUN, seen, "olga", body)
    assert (event.usecase, event.what, event.reason) == ("flight_delay", "dag flight_delay.training", "audit 7\\x0a")
    assert event.facts["form"] == {"operation": "pin"}
    assert event.facts["form_fields"] == ["reason", "subject"]
    assert "N12345" not in event.model_dump_json()


def test_a_request_for_many_was_refused_when_one_of_them_was() -> None:
    assert request_events.refused_within(b'{"update": {"success": [], "errors": [{"status_code": 403}]}}')
    assert not request_events.refused_within(b'{"update": {"success": ["r"], "errors": [{"status_code": 404}]}}')
    assert not request_events.refused_within(b"<html>")
