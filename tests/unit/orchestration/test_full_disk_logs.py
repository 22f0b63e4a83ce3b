"""Loggers of Airflow's processes on a disk that is full: ``/dev/full`` is one."""

import errno
from pathlib import Path

import pytest
import structlog

from include.orchestration.full_disk_logs import leave_out


@pytest.mark.parametrize("name", ["msg", "info", "error", "exception"])
@pytest.mark.parametrize(("kind", "mode"), [(structlog.BytesLogger, "wb"), (structlog.WriteLogger, "w")])
def test_a_line_that_the_disk_does_not_take_is_left_out(kind: type, mode: str, name: str, tmp_path: Path) -> None:
    leave_out()
    leave_out()
    line = b"line" if mode == "wb" else "line"
    full = Path("/dev/full").open(mode)  # noqa: SIM115 - it cannot be closed: that would write
    getattr(kind(full), name)(line)
    with pytest.raises(OSError, match="No space"):
        full.close()
    with (tmp_path / "log").open(mode) as file:
        getattr(kind(file), name)(line)
    assert (tmp_path / "log").read_text() == "line\n"


def test_another_fault_of_a_log_is_raised() -> None:
    class Broken:
        def write(self, _: object) -> None:
            raise OSError(errno.EBADF, "broken")

        def flush(self) -> None:
            """Nothing to flush."""

    with pytest.raises(OSError, match="broken"):
        structlog.BytesLogger(Broken()).info(b"x")  # type: ignore[arg-type]
