"""Gathers what the checklist is derived from: newest commits, files, metrics, events of the audit log."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from include.contracts.tables import TableHead
from include.errors import ServiceError
from include.governance.checklist.facts import Facts, OfUseCase, Seen
from include.services import checklist_events, checklist_files, checklist_records
from include.services.composition import Services
from include.specification.usecase import UseCase
from include.state_root import ROOT

METRICS = 'count by (__name__, job) ({__name__=~"moebius_.+|nv_.+|haproxy_.+|ALERTS"})'
DOCUMENTS = ("docs/guides/privacy.md",)


def gather(services: Services, usecases: Iterable[UseCase]) -> Facts:
    """The facts as of now. An outside system that does not answer is named in ``unread``; nothing else stops."""
    series, unread = _series(services)
    return Facts(
        at=datetime.now(UTC),
        usecases={spec.name: of_usecase(services, spec) for spec in usecases},
        platform=dict(checklist_files.of_platform(services)),
        documents={path: checklist_files.seen(ROOT / path, path) for path in DOCUMENTS if (ROOT / path).is_file()},
        series=series,
        unread=unread,
        events=checklist_events.seen(services),
    )


def of_usecase(services: Services, spec: UseCase) -> OfUseCase:
    """Newest commits of its tables, what their newest rows have, and its files."""
    lake = services.adapters.lake
    heads = {table: head for table in lake.tables(spec.name) if (head := lake.head(spec.name, table))}
    marks = checklist_records.marks(services, spec, heads)
    ran = checklist_records.ran(services, spec, heads)
    return OfUseCase(spec, heads, marks, dict(_files(services, spec, heads)), ran)


def _files(services: Services, spec: UseCase, heads: Mapping[str, TableHead]) -> Iterator[tuple[str, Seen]]:
    yield from checklist_files.of_usecase(services, spec, heads)
    if card := checklist_records.card(services, spec, heads):
        yield "card", card


def _series(services: Services) -> tuple[dict[str, str], str]:
    """Metric → job, and why none is known."""
    try:
        found = services.adapters.metrics_server.query(METRICS)
    except ServiceError as error:
        return {}, str(error)
    return {labels["__name__"]: labels.get("job", "") for labels, _ in found if "__name__" in labels}, ""
