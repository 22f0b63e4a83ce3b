"""The prediction log: one append per batch to a spool file; written records survive a kill -9 of the server."""

import orjson
from spool import NOTHING, Lost, Spool


class PredictionLog:
    """Records as lines of a spool; see there for what a full disk does to them."""

    def __init__(self, directory: str, event_time: str) -> None:
        self._spool = Spool(directory, event_time)
        self.look_after = self._spool.look_after

    def write(self, records: list) -> Lost:
        """A number that is not finite becomes null. Says what is not in the log."""
        if not records:
            return NOTHING
        try:
            lines = [orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records]
        except TypeError as error:  # a value that JSON cannot hold
            return self._spool.lose(records, str(error))
        return self._spool.append(lines, records)
