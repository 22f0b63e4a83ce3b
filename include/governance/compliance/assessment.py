"""GDPR, article 35: the form of a data protection impact assessment, filled from the privacy classes of the spec."""

from typing import Any

from include.contracts.compliance import Table
from include.governance.compliance.answering import Answer, Found, answers, table
from include.governance.compliance.data_protection import classes, exports
from include.governance.compliance.facts import Facts


@answers("gdpr.35.need")
def need(f: Facts) -> Answer:
    """Facts that bear on the question; whether the risk is likely to be high is for the controller to say."""
    subject = f.spec.privacy.subject
    rows: list[list[Any]] = [
        ["columns marked as personal", f.personal],
        ["they are inputs of the model", sorted({*f.personal} & {*f.spec.feature_names})],
        ["they are sent by clients", sorted({*f.personal} & {*f.spec.request})],
        ["subject whose rows can be found and deleted", subject or "none"],
        ["answers of the release so far", f"{f.answers:,}"],
    ]
    found: list[Found] = [f.of_spec("privacy classes", "privacy")]
    if f.personal:
        found.append(
            f.of_spec("assessment of the need", "compliance.necessity")
            if "necessity" in f.authored
            else f.unsaid("whether a high risk is likely", "necessity")
        )
    says = [] if f.personal else ["The spec marks no column as personal."]
    return Answer(says, found, [table("What bears on it", ["question", "answer"], rows)])


@answers("gdpr.35.description")
def description(f: Facts) -> Answer:
    said, found = f.authors("purposes of the processing", "purposes")
    steps = [
        ["collection", "rows of the sources are treated by privacy class before anything is written"],
        ["training", "features and labels at pinned snapshots"],
        ["answers", "requests, features and answers are logged"],
        ["monitoring", "answers are joined with labels; figures are kept"],
        ["deletion", "by retention, and on demand of a subject" if f.spec.privacy.subject else "by retention"],
    ]
    return Answer(
        [*said, f.spec.card.intended_use or f.spec.description],
        [found, f.of_spec("purpose, sources, features, label", "description, card, sources, features, event")],
        [table("Processing operations", ["operation", "what is done"], steps), classes(f)],
    )


@answers("gdpr.35.necessity")
def necessity(f: Facts) -> Answer:
    said, found = f.authors("necessity and proportionality", "necessity")
    unused = sorted({*f.personal} - {*f.spec.feature_names} - {e.key for e in f.spec.entities.values()})
    says = [*said]
    says += [f"Personal columns that are neither feature nor key: {', '.join(unused)}."] if unused else []
    return Answer(says, [found, f.of_spec("treatments and retention", "privacy, retention")])


@answers("gdpr.35.risks")
def risks(f: Facts) -> Answer:
    named = f.said.risks
    found = (
        f.of_spec("risks", "compliance.risks")
        if named
        else f.unsaid("risks for data subjects", "risks", has_file=False)
    )
    rows = [[one.risk, one.likelihood, one.severity, one.measure] for one in named]
    head = ["risk", "likelihood", "severity", "measure"]
    return Answer(found=[found], tables=[table("Risks, as the authors assess them", head, rows)])


@answers("gdpr.35.measures")
def measures(f: Facts) -> Answer:
    name = f.spec.name
    searched = [one for one in f.searches if not one.values]
    says = [
        f"{len(f.searches)} results of searches for clear values; {len(f.searches) - len(searched)} found something."
    ]
    none = "none is recorded"
    found = [
        f.of_spec("treatments", "privacy.columns"),
        f.of_records("search for personal values in clear", "privacy_audits", none, f"run {name}.privacy_audit"),
        f.of_records("erasures and key rotations", "privacy_records", "none", "") if f.changes else None,
        f.of_records("exports, encrypted for a named recipient", "exports", "none", "") if f.exports else None,
        f.of_records("read-back of stored files", "scrubs", none, f"run {name}.scrub"),
    ]
    return Answer(says, found, [_readers(f), exports(f)])


def _readers(f: Facts) -> Table:
    return table("Who may read which class", ["role", "reads up to"], f.readers.items())


@answers("gdpr.35.advice")
def advice(f: Facts) -> Answer:
    says, found = f.authors("advice of the data protection officer", "dpo_advice")
    return Answer(says, [found])


@answers("gdpr.35.views")
def views(f: Facts) -> Answer:
    says, found = f.authors(
        "views of data subjects or their representatives, or why they were not sought", "subjects_views"
    )
    return Answer(says, [found])
