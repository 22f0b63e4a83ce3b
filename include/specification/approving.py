"""Who approves a release: the `approval:` part of the spec."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from include.contracts.calendar import Span
from include.specification.part import Fault, Name, Part, SomeLength, named_alike

MOST_ANSWERS = 10
"""People that one release may need in all; each is a task of `retrain_evaluation`."""
Receiver = Annotated[str, Field(pattern=r"^\S{1,100}$")]
"""A login, or a channel of MOEBIUS_NOTIFY_WEBHOOKS."""


class Stage(Part):
    """So many different people must approve: of these logins, or with one of these roles.

    Neither: whoever may answer at all. So many ``rejections`` end the question.
    """

    name: Name
    roles: list[Literal["approver", "admin"]] = []
    logins: list[Receiver] = []
    quorum: int = Field(default=1, ge=1, le=MOST_ANSWERS)
    rejections: int = Field(default=1, ge=1, le=MOST_ANSWERS)

    def faults(self) -> Iterator[Fault]:
        people = set(self.logins)
        if people and not self.roles and len(people) < self.quorum:
            yield Fault("quorum", f"{self.quorum} people must approve, and logins names {len(people)}; name more")

    def takes(self, login: str, role: str | None) -> bool:
        """Whether a login with this role (None: of no known one) is among the people of the stage."""
        return login in self.logins or role in self.roles or (not self.logins and not self.roles and role is not None)


class Escalation(Part):
    """Whom the question is sent to, too, when nobody answered for so long."""

    after: SomeLength
    to: list[Receiver] = Field(min_length=1)


class Approval(Part):
    """``policy``: a release whose gates were all passed needs no person. ``stages`` are asked one after another.

    A question that was not answered for ``expires`` ends, and the champion stays. ``remind``: how often those who may
    answer are reminded; null: never. ``notify``: channels that get every notice, too.
    """

    first_release: Literal["policy", "human"]
    retrain: Literal["policy", "human"]
    stages: list[Stage] = Field(default=[Stage(name="release")], min_length=1)
    expires: SomeLength = Span("14 days")
    remind: SomeLength | None = Span("1 day")
    escalate: Escalation | None = None
    notify: list[Receiver] = []

    def faults(self) -> Iterator[Fault]:
        yield from named_alike("stages", [stage.name for stage in self.stages])
        if self.answers > MOST_ANSWERS:
            yield Fault("stages", f"{self.answers} people must approve in all; the most is {MOST_ANSWERS}")
        if self.escalate and self.escalate.after.hours >= self.expires.hours:
            yield Fault("escalate.after", f"{self.escalate.after} is not before expires = {self.expires}")

    @property
    def answers(self) -> int:
        """How many people must approve, of all stages together."""
        return sum(stage.quorum for stage in self.stages)

    def stage(self, answer: int) -> Stage:
        """The stage of an answer, which are counted from 1 through all stages."""
        asked = [stage for stage in self.stages for _ in range(stage.quorum)]
        return asked[answer - 1]
