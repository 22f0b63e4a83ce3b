"""The audit log in files: one of JSON lines for each day (fulfils ports.audit.AuditLog)."""

import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from include.contracts.audit import AuditEvent
from include.errors import ServiceError
from include.ports.state import Locks


class FileAuditLog:
    """``directory`` holds ``<day>.jsonl``; the day is that of the writing, in UTC."""

    def __init__(self, directory: Path, locks: Locks) -> None:
        self._directory, self._locks = directory, locks

    def append(self, events: Sequence[AuditEvent]) -> None:
        if not events:
            return
        lines = "".join(f"{json.dumps(one.json_dict(), sort_keys=True, ensure_ascii=False)}\n" for one in events)
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with self._locks.hold("audit"), self._file(datetime.now(UTC)).open("ab") as file:
                file.write(lines.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ServiceError(f"the audit log below {self._directory} takes no entry: {error}") from error

    def read(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[AuditEvent]:
        for file in sorted(self._directory.glob("*.jsonl")):
            for line in file.read_text().splitlines():
                event = AuditEvent.read_back(line, file)
                if (since is None or event.at >= since) and (until is None or event.at < until):
                    yield event

    def _file(self, at: datetime) -> Path:
        return self._directory / f"{at:%Y-%m-%d}.jsonl"
