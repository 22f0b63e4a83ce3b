"""What people switched off for a time: the automation of a use case, or one of its alerts."""

from pydantic import Field

from include.contracts.record import Moment, Record


class Hold(Record):
    """One pause or silence: by whom, why, since when, and when it ends by itself."""

    by: str
    reason: str
    since: Moment
    until: Moment

    @property
    def words(self) -> str:
        return f"{self.by}, until {self.until:%Y-%m-%d %H:%M} UTC: {self.reason}"


class Controls(Record):
    """Of one use case: ``pause`` holds retrains and deployments back, ``silences`` alerts by their name."""

    pause: Hold | None = None
    silences: dict[str, Hold] = Field({}, description="name of the alert → its silence")
