"""What only the authors of a use case can say for its evidence bundle; see docs/guides/compliance.md."""

from typing import Annotated, Literal

from pydantic import Field

from include.contracts.calendar import Span
from include.specification.part import Part, SomeLength

Text = Annotated[str, Field(min_length=1)]
Degree = Literal["low", "medium", "high"]


class Contact(Part):
    """Who is responsible, and how to reach them: a post, an office, a shared address."""

    name: Text
    contact: Text


class RiskClass(Part):
    """The class of the AI Act that the authors put the system into, and why."""

    level: Literal["high_risk", "transparency", "minimal"] = Field(alias="class")
    reason: Text


class Standard(Part):
    """A standard, whether it is harmonised (its reference is in the Official Journal), and how far it is applied."""

    name: Text
    applied: Literal["in full", "in part"]
    harmonised: bool
    reference: Text


class Risk(Part):
    """A risk to the rights of people, for the impact assessment."""

    risk: Text
    likelihood: Degree
    severity: Degree
    measure: Text


class Compliance(Part):
    """Every key may be left out: the bundle then says what is missing.

    A text of ``TEXTS`` may be in a file of its own, ``compliance/<key>.md`` beside ``usecase.yaml``.
    ``review_every``: how old a check of the legal texts may be before the DAG ``compliance_review`` fails.
    """

    review_every: SomeLength = Span("90 days")
    provider: Contact | None = None
    controller: Contact | None = None
    representative: Contact | None = None
    dpo: Contact | None = None
    risk_class: RiskClass | None = None
    product_component: bool | None = None
    standards: list[Standard] = []
    recipients: list[Text] = []
    risks: list[Risk] = []
    instructions: Text | None = None
    user_interface: Text | None = None
    hardware: Text | None = None
    product: Text | None = None
    oversight: Text | None = None
    unintended_outcomes: Text | None = None
    metrics: Text | None = None
    risk_management: Text | None = None
    solutions: Text | None = None
    declaration: Text | None = None
    post_market_plan: Text | None = None
    purposes: Text | None = None
    legal_basis: Text | None = None
    transfers: Text | None = None
    information: Text | None = None
    subject_rights: Text | None = None
    automated_decisions: Text | None = None
    contest: Text | None = None
    special_categories: Text | None = None
    necessity: Text | None = None
    dpo_advice: Text | None = None
    subjects_views: Text | None = None


TEXTS = tuple(name for name, field in Compliance.model_fields.items() if field.annotation == Text | None)
"""Keys whose text may be in a file."""
FOLDER, SUFFIX = "compliance", ".md"
