"""One file of the prediction log's spool: what its records are about, and the end of those that are too old."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from include.contracts.logged_records import GAP, LogSchema
from include.contracts.record import Record
from include.formats.line_files import blanked, edit_lines, is_blank

DAY = timedelta(days=1)


class Contents(Record):
    """What the first ``scanned`` bytes of a file hold.

    ``oldest`` is the earliest event time of a record (epoch seconds; None without one); ``undated`` says whether a line
    is no record that has a time.
    """

    scanned: int = 0
    oldest: float | None = None
    undated: bool = False

    def expired(self, before: datetime, unread: bool) -> bool:
        """Whether a record is of an event before, or, when ``unread`` lines are to go, there is one."""
        return (self.oldest is not None and self.oldest < before.timestamp()) or (unread and self.undated)

    @property
    def empty(self) -> bool:
        return self.oldest is None and not self.undated


def scan(file: Path, schema: LogSchema, known: Contents, end: int) -> Contents:
    """What is in the file up to the position ``end``, where a line ends; what is ``known`` is not read again."""
    known = known if known.scanned <= end else Contents()
    oldest, undated = known.oldest, known.undated
    with file.open("rb") as lines:
        at = lines.seek(known.scanned)
        while at < end and (line := lines.readline()):
            at += len(line)
            if is_blank(line) or line.startswith(GAP):
                continue
            moment = schema.moment(line)
            undated |= moment is None
            oldest = moment if oldest is None or (moment is not None and moment < oldest) else oldest
    return Contents(scanned=at, oldest=oldest, undated=undated)


def expire(file: Path, schema: LogSchema, end: int, before: datetime, unread: bool) -> int:
    """Blank the records of events before, and lines without a time when ``unread`` ones are to go; how many."""
    limit = before.timestamp()

    def kept(line: bytes) -> bytes:
        if is_blank(line) or line.startswith(GAP):
            return line
        moment = schema.moment(line)
        gone = unread if moment is None else moment < limit
        return blanked(line) if gone else line

    return edit_lines(file, kept, end)


def closed_at(file: Path) -> datetime:
    """When the model server wrote its last line at the latest: the end of the file's day, else its change time."""
    try:
        return datetime.strptime(file.name[:8], "%Y%m%d").replace(tzinfo=UTC) + DAY
    except ValueError:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)
