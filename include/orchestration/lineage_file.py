"""OpenLineage events as JSON lines on disk, one file a day; many tasks may write at once."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from openlineage.client.serde import Serde
from openlineage.client.transport import Config, Transport


class LineageFileConfig(Config):
    """``directory``: where the files go."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @classmethod
    def from_dict(cls, params: dict[str, Any]) -> "LineageFileConfig":
        return cls(Path(params["directory"]))


class LineageFile(Transport):
    """Appends each event with one write: the client's own file transport splits long lines between writers."""

    kind = "moebius_file"
    config_class = LineageFileConfig

    def __init__(self, config: LineageFileConfig) -> None:
        self.directory = config.directory

    def emit(self, event: Any) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        file = os.open(
            self.directory / f"{datetime.now(UTC):%Y-%m-%d}.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640
        )
        try:
            line = (Serde.to_json(event) + "\n").encode()
            if (written := os.write(file, line)) < len(line):  # a full disk: the next event must not continue this one
                os.write(file, b"\n")
                raise OSError(f"{self.directory}: {written} of {len(line)} bytes of an event were written")
        finally:
            os.close(file)
