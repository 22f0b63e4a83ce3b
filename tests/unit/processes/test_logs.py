"""Logs and events stay small, and lose nothing that counts."""

from pathlib import Path

from include.contracts.platform import append_event, deaths, read_events
from include.processes.keeper.logs import rotate, sum_up


def test_a_large_log_is_copied_and_emptied_while_its_writer_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "redis.log"
    with file.open("a", buffering=1) as writer:
        for turn in range(5):
            writer.write(f"{turn}" * 100 + "\n")
            assert rotate(file, limit=100, copies=3)
            assert not rotate(file, limit=100, copies=3), "it is empty"
        writer.write("goes on\n")
    assert file.read_text() == "goes on\n"
    copies = sorted(tmp_path.glob("redis.log.*"))
    assert [copy.read_text()[0] for copy in copies] == ["4", "3", "2"], "the oldest are gone"
    assert not [copy for copy in copies if copy.stat().st_mode & 0o077]


def test_old_events_are_summed_up_and_no_death_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    for turn in (1, 2):
        for number in range(20):
            append_event(file, "redis", "died", f"{turn}-{number}")
            append_event(file, "redis", "started", "after its death")
        append_event(file, "triton", "hung", "it answered nothing")
        assert sum_up(file, limit=100)
        assert not file.exists()
    assert not sum_up(file, limit=100)
    append_event(file, "redis", "died", "the last")
    assert deaths(read_events(file)) == {"redis": 41, "triton": 2}
    assert len(read_events(file)) == 4
    assert [event.reason for event in read_events(file) if event.what == "died"] == ["2-19", "the last"]
