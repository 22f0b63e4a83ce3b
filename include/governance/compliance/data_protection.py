"""GDPR, articles 13 to 15 and 22: information for data subjects, their access, and who intervened."""

from typing import Any

from include.contracts.compliance import Evidence, Gap, Table
from include.governance.compliance.answering import Answer, Found, answers, table
from include.governance.compliance.facts import Facts
from include.specification.compliance import Contact


def _contact(f: Facts, what: str, key: str, contact: Contact | None) -> tuple[list[str], Found]:
    if contact is None:
        return [], f.unsaid(what, key, has_file=False)
    return [f"{contact.name}, {contact.contact}."], f.of_spec(what, f"compliance.{key}")


@answers("gdpr.13.controller")
def controller(f: Facts) -> Answer:
    says, found = _contact(f, "controller", "controller", f.said.controller)
    if f.said.representative is None:
        return Answer(says, [found])
    more, other = _contact(f, "representative", "representative", f.said.representative)
    return Answer([*says, *(f"Representative: {one}" for one in more)], [found, other])


@answers("gdpr.13.dpo")
def officer(f: Facts) -> Answer:
    says, found = _contact(f, "data protection officer", "dpo", f.said.dpo)
    return Answer(says, [found])


@answers("gdpr.13.purposes")
def purposes(f: Facts) -> Answer:
    said, purpose = f.authors("purposes of the processing", "purposes")
    basis, legal = f.authors("legal basis", "legal_basis")
    return Answer([*said, *basis], [purpose, legal])


@answers("gdpr.13.recipients")
def recipients(f: Facts) -> Answer:
    named = f.said.recipients
    found: list[Found] = [
        f.of_spec("categories of recipients", "compliance.recipients")
        if named
        else f.unsaid("categories of recipients", "recipients", has_file=False)
    ]
    found.append(f.of_records("exports and hand-overs", "exports", "none", "") if f.exports else None)
    says = [f"Recipients: {', '.join(named)}."] if named else []
    says += [] if f.exports else ["No export or hand-over is recorded."]
    return Answer(says, found, [exports(f)])


def exports(f: Facts) -> Table:
    rows = [[e.created_at, e.kind, e.recipient, e.requested_by, e.approved_by, e.rows, e.sha256] for e in f.exports]
    head = ["when", "kind", "recipient", "asked by", "approved by", "rows", "SHA-256 of the manifest"]
    return table("Exports and hand-overs", head, rows)


@answers("gdpr.13.transfers")
def transfers(f: Facts) -> Answer:
    says, found = f.authors(
        "transfers to third countries or international organisations, or that there are none", "transfers"
    )
    return Answer(says, [found])


@answers("gdpr.13.storage")
def storage(f: Facts) -> Answer:
    kept = f.spec.retention
    says = [f"Answers are kept for {kept.predictions}, snapshots of the data for {kept.snapshots}."]
    says.append("Snapshots that are pinned or that a registered model was trained on are kept longer.")
    return Answer(says, [f.of_spec("retention", "retention")])


@answers("gdpr.13.rights")
def rights(f: Facts) -> Answer:
    said, found = f.authors("how data subjects exercise their rights", "subject_rights")
    subject = f.spec.privacy.subject
    how = f"Rows of one {subject} are deleted by {f.spec.name}.subject_deletion." if subject else ""
    lack = Gap(
        because="erasure: the spec names no subject whose rows can be deleted",
        give="name the entity in privacy.subject of usecase.yaml (docs/guides/privacy.md)",
    )
    erasable = f.of_spec("erasure on demand", "privacy.subject") if subject else lack
    return Answer([*said, *([how] if how else [])], [found, erasable])


@answers("gdpr.13.logic")
def logic(f: Facts) -> Answer:
    says, found = f.authors("significance and consequences of the answers for a person", "automated_decisions")
    return Answer(
        says,
        [found, f.of_model("what moves the answers", "explanation.json"), f.of_model("model card", "model_card.md")],
    )


@answers("gdpr.13.information")
def information(f: Facts) -> Answer:
    says, found = f.authors("how and when data subjects are informed", "information")
    return Answer(says, [found])


@answers("gdpr.14.categories")
def categories(f: Facts) -> Answer:
    return Answer(found=[f.of_spec("privacy classes", "privacy.columns")], tables=[classes(f)])


def classes(f: Facts) -> Table:
    """Every column with a privacy class of its own; its values are never shown."""
    spec = f.spec
    rows = [
        [name, rule.level, rule.treatment, [t for t, columns in f.tables.items() if name in columns], meaning(f, name)]
        for name, rule in spec.privacy.columns.items()
    ]
    rows.append(["every other column", spec.privacy.default, "keep", "", ""])
    return table("Columns by privacy class", ["column", "class", "treatment", "in the tables", "meaning"], rows)


def meaning(f: Facts, column: str) -> str:
    described = (t.columns[column] for t in f.spec.tables.values() if column in t.columns)
    return next(described, "")


@answers("gdpr.14.source")
def origin(f: Facts) -> Answer:
    rows = [
        [name, s.connector, s.description, sorted(set(s.columns) & set(f.personal))]
        for name, s in f.spec.sources.items()
    ]
    head = ["source", "connector", "what", "personal columns"]
    return Answer(found=[f.of_spec("sources", "sources")], tables=[table("Sources of the data", head, rows)])


@answers("gdpr.15.access")
def access(f: Facts) -> Answer:
    subject = f.spec.privacy.subject
    if not subject:
        gap = Gap(
            because="finding what is kept of a person: the spec names no subject",
            give="name the entity in privacy.subject of usecase.yaml (docs/guides/privacy.md)",
        )
        return Answer(found=[gap], tables=[classes(f)])
    key = f.spec.entities[subject].key
    says = [
        f"A person is found by {key}: `moebius subject {f.spec.name}` turns the clear value into the reference that is "
        "stored. The tables with that column are listed."
    ]
    held = [[t, len(columns)] for t, columns in f.tables.items() if key in columns]
    found = [f.of_spec("subject and its key", "privacy.subject, entities")]
    return Answer(says, found, [table(f"Tables that hold {key}", ["table", "columns"], held)])


@answers("gdpr.15.looks")
def looks(f: Facts) -> Answer:
    seen = [event for event in f.audit if event.kind == "access"]
    counted = sorted({(e.action, e.outcome) for e in seen})
    rows = [[a, o, sum((e.action, e.outcome) == (a, o) for e in seen)] for a, o in counted]
    erased = [change for change in f.changes if change.kind == "erasure"]
    says = [f"{len(erased)} places were changed by erasures." if erased else "No erasure is recorded."]
    evidence = f.of_audit("looks at data", seen)
    none = Gap(
        because="looks at data since the release was trained: the audit log has none",
        give="they are recorded when somebody reads a table, a page or an answer",
    )
    erasures: Found = f.of_records("erasures", "privacy_records", "none", "") if erased else None
    return Answer(
        says, [evidence or none, erasures], [table("Looks at data, by action", ["action", "outcome", "times"], rows)]
    )


@answers("gdpr.22.decision")
def decision(f: Facts) -> Answer:
    said, found = f.authors(
        "whether decisions with legal or similarly significant effects are based on the answers alone",
        "automated_decisions",
    )
    return Answer(said, [found])


@answers("gdpr.22.intervention")
def intervention(f: Facts) -> Answer:
    """People who decided: in the signed record, in rollouts, in the audit log."""
    answered = [e for e in f.entries if e.event in ("approved", "rejected", "withdrawn", "answer_refused")]
    decided = [e for e in f.audit if e.kind in ("decision", "change")]
    moved = [e for e in f.events if e.event in ("rolled_back", "rolled_forward", "aborted", "kept")]
    rows: list[list[Any]] = sorted(
        [
            *([e.at, e.event.replace("_", " "), f"version {e.version}", e.by, e.reason] for e in answered),
            *([e.at, e.event.replace("_", " "), f"release {e.release}", e.by, e.reason] for e in moved),
            *([e.at, f"{e.action} ({e.outcome})", e.what, e.by, e.reason] for e in decided),
        ],
        key=lambda row: row[0],
    )
    evidence: list[Evidence | Gap | None] = [*map(f.of_entry, answered), f.of_audit("decisions and changes", decided)]
    if not any(evidence):
        give = f"answer the required action of {f.spec.name}.retrain_evaluation"
        evidence = [Gap(because="who intervened: nobody answered anything about this version", give=give)]
    says = _policy(f)
    return Answer(says, evidence, [table("Who intervened", ["when", "what", "about", "by", "why"], rows)])


def _policy(f: Facts) -> list[str]:
    by_policy = any(e.event == "approved" and e.facts.get("policy") for e in f.entries)
    return ["The approval of this version was given by a policy of the spec, not by a person."] if by_policy else []


@answers("gdpr.22.contest")
def contest(f: Facts) -> Answer:
    says, found = f.authors("how a person obtains intervention, expresses a view and contests a decision", "contest")
    return Answer(says, [found])


@answers("gdpr.22.special")
def special(f: Facts) -> Answer:
    says, found = f.authors("whether special categories of personal data (Article 9) are used", "special_categories")
    return Answer(says, [found])
