"""Evidence of governance: items 25 to 28."""

from collections.abc import Mapping

from include.governance.checklist.deriving import derives
from include.governance.checklist.facts import Facts, Found
from include.specification.usecase import UseCase

EVALUATION, RETIREMENT, BUNDLE = "retrain_evaluation", "retirement", "compliance"


def _asks_people(spec: UseCase) -> bool:
    return "human" in (spec.approval.first_release, spec.approval.retrain)


@derives(25)
def access(f: Facts) -> Mapping[str, Found]:
    return {
        "roles": f.there("rights", "run", "make up"),
        "users": f.there("rights", "run", "make up"),
        "enforcement": f.event("outcome: refused"),
        "review": f.there("access_review", "test", "moebius access review"),
    }


@derives(26)
def compliance(f: Facts) -> Mapping[str, Found]:
    bundle = f.file("bundle", BUNDLE, "document")
    return {
        "gdpr": f.file("bundle: gdpr", BUNDLE, "document"),
        "ai_act": f.file("bundle: ai_act", BUNDLE, "document"),
        "watch": f.there(
            "law_checked", "document", "include/governance/compliance/law.yaml: checked_on", "compliance_review"
        ),
        "documents": bundle,
        "review": f.event("action: compliance_bundle") | bundle,
    }


@derives(27)
def approval(f: Facts) -> Mapping[str, Found]:
    """The record is evidence only where its signatures were verified when it was read."""
    answered = f.mark("approvals", "approved by a person", EVALUATION) | f.mark("approvals", "rejected", EVALUATION)
    return {
        "stages": f.mark("approvals", "verdict", EVALUATION, _asks_people, "approval.retrain: human"),
        "request": f.mark("approvals", "verdict", EVALUATION),
        "review": answered,
        "record": f.there("audited_approvals", "test", family="audit"),
    }


@derives(28)
def retirement(f: Facts) -> Mapping[str, Found]:
    return {
        "criteria": f.table("retirements", RETIREMENT) | f.task(RETIREMENT, "ask"),
        "process": f.table("retirements", RETIREMENT),
        "retention": f.table("scrubs", "scrub"),
        "record": f.table("retirements", RETIREMENT, kind="document"),
    }
