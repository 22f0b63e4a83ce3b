"""Events of processes: one line each, whatever the disk did to the line before."""

from pathlib import Path

import pytest

from include.contracts.platform import What, append_event, deaths, events_file, figures, read_events


def test_what_is_appended_is_read_in_order(tmp_path: Path) -> None:
    file = events_file(tmp_path)
    assert read_events(file) == []
    assert not append_event(file, "redis", "died"), "no directory, and nothing raised"
    file.parent.mkdir()
    assert append_event(file, "redis", "died", "signal 9")
    assert append_event(file, "redis", "started")
    assert [(e.service, e.what, e.reason) for e in read_events(file)] == [
        ("redis", "died", "signal 9"),
        ("redis", "started", ""),
    ]
    assert file.stat().st_mode & 0o077 == 0


def test_a_line_that_was_cut_off_costs_no_other(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    append_event(file, "triton", "hung", "no answer for 8 s")
    with file.open("a") as half:
        half.write('\n{"service": "tri')
    append_event(file, "triton", "died")
    assert [e.what for e in read_events(file)] == ["hung", "died"]
    assert deaths(read_events(file)) == {"triton": 2}


def test_a_full_disk_is_told_and_raises_nothing() -> None:
    assert not append_event(Path("/dev/full"), "redis", "died")


@pytest.mark.parametrize(
    ("what", "given_up"), [("gave_up", True), ("failed", True), ("started", False), ("died", False)]
)
def test_only_the_last_event_says_whether_a_service_is_given_up(tmp_path: Path, what: What, given_up: bool) -> None:
    file = tmp_path / "events.jsonl"
    for service, event in (("redis", "died"), ("redis", "gave_up"), ("redis", what), ("mlflow", "hung")):
        append_event(file, service, event)  # type: ignore[arg-type]
    found = figures("redis", False, read_events(file))
    assert (found.died, found.hung, found.given_up) == (1 + (what == "died"), 0, given_up)
