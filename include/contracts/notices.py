"""Notices about a question that waits for a person: who gets them, and what became of each."""

from typing import Literal

from pydantic import Field

from include.contracts.period import Period
from include.contracts.record import Moment, Record

NoticeKind = Literal["asked", "remind", "escalate", "expired"]
Way = Literal["mail", "webhook"]


class Receiver(Record):
    """A person or channel: its name in the settings, how it is reached, and where (secret: an address of a webhook)."""

    name: str
    way: Way
    address: str


class Notice(Record):
    """A text and its receivers; ``unreachable`` are names that no setting has an address of."""

    kind: NoticeKind
    subject: str
    text: str
    receivers: list[Receiver] = []
    unreachable: list[str] = []


class RecordedNotice(Record):
    """Every notice about a question that waits for a person, and whether it was sent."""

    at: Moment = Field(description="when, UTC")
    run: str = Field(description="run of the evaluation")
    kind: NoticeKind = Field(description="asked, remind, escalate or expired")
    receiver: str = Field(description="login or channel, as the settings name it")
    way: Literal["mail", "webhook", "none"] = Field(description="mail, webhook; none: the settings have no address")
    outcome: Literal["sent", "failed"] = Field(description="sent or failed")
    fault: str = Field(description="why it failed; empty if it was sent")

    @property
    def period(self) -> Period:
        return Period.recorded(self.at)
