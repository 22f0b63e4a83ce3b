"""Values that answers are found by: those of the newest answers that a role reads, and that are no person's."""

from include.contracts.tables import RowFilter
from include.records.privacy import column_level
from include.records.registry import ANSWERS
from include.services.composition import Services
from include.specification.usecase import UseCase

SHOWN, READ = 3, 20
"""Values that are shown of a key, and the newest answers that they are taken from."""


def newest_keys(spec: UseCase, services: Services, role: str) -> dict[str, list[str]]:
    """Key of ``spec.answer_keys`` → values of the newest answers, the newest first; served ones before batch ones."""
    lake, found = services.adapters.lake, dict[str, list[str]]()
    for table in ANSWERS:
        if not lake.exists(spec.name, table):
            continue
        names, order = lake.schema(spec.name, table).names, ["logged_at", spec.event.time]
        keys = [
            key
            for key in spec.answer_keys
            if key in names and key not in found and _open(spec, services, role, table, key)
        ]
        if keys:
            wanted = RowFilter(
                periods=lake.periods(spec.name, table)[-1:], columns=keys, order=[n for n in order if n in names][:1],
                newest=READ,
            )  # fmt: skip
            rows = lake.select(spec.name, table, wanted).to_pylist()
            for key in keys:
                values = (str(row[key]) for row in reversed(rows) if row[key] is not None)
                found[key] = list(dict.fromkeys(values))[:SHOWN]
    return {key: found[key] for key in spec.answer_keys if found.get(key)}


def _open(spec: UseCase, services: Services, role: str, table: str, key: str) -> bool:
    level = column_level(spec, table, key)
    return level != "personal" and services.access.reads(role, spec, table, level)
