"""What the audit log holds of people, clients and steps: one event for each use, change, decision and access."""

from typing import Any, Literal

from pydantic import Field

from include.contracts.record import Moment, Record

AuditKind = Literal["use", "change", "decision", "access"]
"""``use``: a model, a command or a form was used; ``change``: data, rights, keys or what serves were changed;
``decision``: something was approved, rejected, judged or retired; ``access``: somebody looked at something."""
Via = Literal["page", "rest", "form", "command", "gateway", "task"]


class AuditEvent(Record):
    """One event, as who takes part in it reports it; the log numbers it.

    Personal values stand in ``subject`` alone, which the log keeps so that an erasure makes it unreadable; ``facts``
    and ``reason`` hold none.
    """

    at: Moment
    kind: AuditKind
    action: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="what was done, like read_table or approve")
    by: str = Field(description="login, client of the gateway, or what started it when no person did")
    via: Via
    usecase: str = Field("", description="the use case; empty: the platform")
    what: str = Field("", description="what it was done to, like `table events 2013-01` or `release r0002`")
    reason: str = ""
    outcome: Literal["done", "refused", "failed"] = "done"
    subject: dict[str, str] = Field({}, description="entity column → value of the person that it concerns")
    facts: dict[str, Any] = {}
