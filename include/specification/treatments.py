"""Whether columns can be treated as the privacy of a spec says."""

from collections.abc import Iterator

from include.specification.declaration import Declaration
from include.specification.part import Fault
from include.specification.wording import not_among


def treatment_faults(spec: Declaration) -> Iterator[Fault]:
    """A treatment must find its column, suit its type, and the model server must be able to repeat it."""
    for name, rule in spec.privacy.columns.items():
        key = f"privacy.columns.{name}"
        if rule.treatment == "keep":
            continue
        delivered = {table: source for table, source in spec.sources.items() if name in source.columns}
        if not delivered:
            known = sorted({column for source in spec.sources.values() for column in source.columns})
            yield Fault(key, not_among(name, known, "a column of a source"))
        for table, source in delivered.items():
            kind = source.columns[name]
            if text := rule.type_fault(kind):
                yield Fault(f"{key}.treatment", f"{text}; {name} of the source {table} is of type {kind}")
            if name == source.time or (name in source.key and rule.treatment == "drop"):
                what = "time" if name == source.time else "key"
                text = f"{name} is the {what} of the source {table}, and no row is placed without it; leave it out"
                yield Fault(f"{key}.treatment", f"{rule.treatment}: {text}")
        if rule.treatment != "pseudonymise" and name in spec.request:
            text = f"clients send {name}: the model server can only pseudonymise request fields"
            yield Fault(f"{key}.treatment", text)
    yield from _subject_faults(spec)


def _subject_faults(spec: Declaration) -> Iterator[Fault]:
    """What is stored of a subject must be found in any text, and nobody else's text be taken for it."""
    if (subject := spec.privacy.subject) is None:
        return
    if subject not in spec.entities:
        yield Fault("privacy.subject", not_among(subject, sorted(spec.entities), "an entity"))
        return
    column = spec.entities[subject].key
    rule = spec.privacy.columns.get(column)
    if rule is None or rule.treatment != "pseudonymise":
        how = "kept in clear" if rule is None or rule.treatment == "keep" else f"treated by {rule.treatment}"
        yield Fault(
            "privacy.subject",
            f"{subject} is named by the column {column}, which is {how}, so its data looks like a word in other "
            f"people's texts; write privacy.columns.{column}: {{class: personal, treatment: pseudonymise}}",
        )
