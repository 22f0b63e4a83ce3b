"""The one way to an action of a person: right, confirmation and reason are checked, and the audit log records it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from include.contracts.audit import AuditEvent
from include.errors import AccessError, ApprovalError
from include.governance.actions import Asked, PersonAction, refusal, target
from include.services.adapters import Adapters
from include.specification.usecase import UseCase


class Acts:
    """Lets a person do what the registry of actions says."""

    def __init__(self, adapters: Adapters) -> None:
        self._adapters = adapters

    @contextmanager
    def taking(self, spec: UseCase, action: PersonAction, asked: Asked) -> Iterator[None]:
        """The action happens in the block: the audit log has it before and after.

        Raises
        ------
        AccessError
            the person may not, did not confirm, or gave no reason; the log has the refusal.
        ServiceError
            the audit log takes no entry: nothing happens unseen.
        """
        role = self._adapters.settings.roles.get(asked.by)
        if not action.decides and (why := refusal(action, asked, role)):
            self._tell(spec, action, asked, "refused", {"why": why})
            raise AccessError(why)
        self._tell(spec, action, asked, "asked", {})
        try:
            yield
        except BaseException as error:
            outcome = "refused" if isinstance(error, AccessError | ApprovalError) else "failed"
            self._tell(spec, action, asked, outcome, {"error": type(error).__name__})
            raise
        self._tell(spec, action, asked, "done", {})

    def _tell(self, spec: UseCase, action: PersonAction, asked: Asked, outcome: Any, facts: dict[str, Any]) -> None:
        event = AuditEvent(
            at=datetime.now(UTC), kind=action.kind, action=action.name, by=asked.by or "nobody", via="form",
            usecase=spec.name, what=target(action, asked), reason=asked.reason, outcome=outcome,
            facts={"run": asked.run, **facts},
        )  # fmt: skip
        self._adapters.audit.append([event])
