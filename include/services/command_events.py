"""Events of commands, which a login of the host types."""

import getpass
import os
from datetime import UTC, datetime
from typing import Any

from include.contracts.audit import AuditEvent, AuditKind


def by_command(kind: AuditKind, action: str, **about: Any) -> AuditEvent:
    """The event of a command that is typed now, without its outcome."""
    fields = {"at": datetime.now(UTC), "kind": kind, "action": action, "by": person(), "via": "command"}
    return AuditEvent.model_validate(fields | about)


def person() -> str:
    """``os:<login>``: a login of the host, never one of Airflow; its number where it has no name."""
    try:
        return f"os:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"os:{os.getuid()}"
