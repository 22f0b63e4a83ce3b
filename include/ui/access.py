"""What every page needs: a signed-in reader, only those records that the reader's role reads, errors as HTTP errors."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_view
from fastapi import Depends, HTTPException
from jinja2 import pass_context
from jinja2.runtime import Context
from pydantic import Field

from include.contracts.governance import Level
from include.contracts.period import Period
from include.errors import AccessError, MoebiusError, ServiceError, SettingsError
from include.process_environment import resolve
from include.records.registry import ANSWERS, RECORD_TABLES
from include.services.composition import Services
from include.services.patience import PagesAdapters
from include.settings import Settings, load_settings
from include.specification.usecase import UseCase
from include.ui.language import marked
from include.ui.memory import MEMORY

SIGNED_IN = [Depends(requires_access_view(AccessView.PLUGINS))]
"""Dependencies of a route whose reader must be logged in and may see plugins."""

Named = Annotated[int, Field(ge=0, lt=2**63)]
"""The number of a model version or of an entry, as an address names it: one that a table can hold."""

READS: dict[str, tuple[str, ...]] = {
    "published": (),
    "newest_snapshot": (),
    "history": ("figures",),
    "newest_windows": ("figures",),
    "measured_windows": ("figures",),
    "window_figures": ("figures",),
    "figures_written": ("figures",),
    "window_slices": ("slice_figures",),
    "distributions": ("distributions",),
    "calibration_bins": ("calibration_bins",),
    "block_losses": ("block_losses",),
    "verdicts": ("verdicts",),
    "decisions": ("decisions",),
    "gate_periods": ("gate_results",),
    "gate_results": ("gate_results",),
    "standing_warnings": ("gate_results",),
    "gate_outcomes": ("gate_results",),
    "task_costs": ("task_costs",),
    "storage": ("storage",),
    "profiles": ("period_profiles",),
    "collected": ("collections",),
    "quarantined_rows": ("quarantine",),
    "reconciliations": ("reconciliation",),
    "rollout_events": ("rollout_events",),
    "last_scrub": ("scrubs",),
    "refused_checks": ("gate_results",),
    "lost_answers": ("lost_answers",),
}
"""Method of the records → the tables that it reads; a page has no other method."""


class Reader:
    """Who looks at a page. ``services`` are for what is no record: what serves, specs, addresses."""

    def __init__(self, services: Services, login: str, role: str) -> None:
        self.services, self.login, self.role = services, login, role
        self.records = ReadRecords(self)

    def reads(self, spec: UseCase, *tables: str) -> bool:
        """Whether the role reads these tables: of a table of records the class that it has as a whole."""
        access = self.services.access
        return all(access.reads(self.role, spec, table, _least(table)) for table in tables)

    def require(self, spec: UseCase, *tables: str) -> None:
        """Raise AccessError unless the role reads the tables."""
        if closed := [table for table in tables if not self.reads(spec, table)]:
            which = ", ".join(f"{spec.name}.{table}" for table in closed)
            raise AccessError(f"the role {self.role!r} of {self.login!r} reads nothing of {which}: ask a higher role")


class ReadRecords:
    """The records as far as the reader's role reads their tables; a table that it does not read has none."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in READS:
            raise AttributeError(f"a page does not read {name!r}: READS in {__name__} says what it may read")

        def read(spec: UseCase, *arguments: Any, **options: Any) -> Any:
            return self._read(spec, name, arguments, options) if self._reader.reads(spec, *READS[name]) else []

        return read

    def _read(self, spec: UseCase, name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        services = self._reader.services
        asked = (str(services.settings.home), spec.name, name, repr(arguments), repr(sorted(options.items())))
        method = partial(getattr(services.records, name), spec, *arguments, **options)
        return MEMORY.get(services.records, spec, READS[name], asked, method)

    def publications(self, spec: UseCase, periods: Sequence[Period]) -> list[Any]:
        """Which snapshot of each period is in force; read each time: who was told of it is in no table."""
        return list(self._reader.services.records.publications(spec, periods))

    def has_answers(self, spec: UseCase) -> bool:
        """Whether a release has answered anything, whoever may read it."""
        lake = self._reader.services.adapters.lake
        return any(lake.exists(spec.name, table) for table in ANSWERS)

    def answer_examples(self, spec: UseCase) -> dict[str, list[str]]:
        """Key → values of the newest answers that the role may look up."""
        from include.services.answer_examples import newest_keys

        services, role = self._reader.services, self._reader.role
        asked, read = (
            (str(services.settings.home), spec.name, "answer_examples", role),
            partial(newest_keys, spec, services, role),
        )
        found: dict[str, list[str]] = MEMORY.get(services.records, spec, ANSWERS, asked, read)
        return found

    def fresh_costs(self, spec: UseCase) -> list[Any]:
        """What tasks took that is not in the lake yet."""
        spool = self._reader.services.adapters.cost_spool(spec.name)
        return spool.read() if self._reader.reads(spec, "task_costs") else []

    def pins(self, spec: UseCase) -> list[Any]:
        """The pinned snapshots; read each time."""
        return list(self._reader.services.records.pins(spec))

    def approvals(self, spec: UseCase) -> list[Any]:
        """The signed record, oldest first."""
        services = self._reader.services
        if not self._reader.reads(spec, "approvals"):
            return []
        asked, read = (str(services.settings.home), spec.name, "approvals"), partial(services.approvals.history, spec)
        found: list[Any] = MEMORY.get(services.records, spec, ("approvals",), asked, read)
        return found

    def some_approvals(self, spec: UseCase, **wanted: Any) -> list[Any]:
        """Entries of the signed record that meet a filter, oldest first."""
        if not self._reader.reads(spec, "approvals"):
            return []
        services = self._reader.services
        asked = (str(services.settings.home), spec.name, "some_approvals", repr(sorted(wanted.items())))
        read = partial(services.approvals.some, spec, **wanted)
        return list(MEMORY.get(services.records, spec, ("approvals",), asked, read))


def _least(table: str) -> Level:
    return RECORD_TABLES[table].level if table in RECORD_TABLES else "public"


def services_of_pages(settings: Settings) -> Services:
    """The services that pages work with: they do not wait for a server that hangs."""
    return Services(settings, adapters=PagesAdapters(settings, resolve))


def reader_of(user: GetUserDep) -> Reader:
    """The role is that of our auth manager, or with another one that of MOEBIUS_AIRFLOW_USERS."""
    return _reader(user)


def _reader(user: BaseUser) -> Reader:
    services, login = services_of_pages(load_settings()), user.get_name()
    with http_errors():
        role = getattr(user, "role", None) or services.settings.role_of(login)
    return Reader(services, login, role.lower())


ReaderDep = Annotated[Reader, Depends(reader_of)]


@pass_context
def absent(context: Context, spec: UseCase, table: str, words: str) -> str:
    """For a template that has nothing of the table: ``words``, or that the reader's role does not read it."""
    reader: Reader | None = context.get("reader")
    if reader is None or reader.reads(spec, table):
        return words
    unread = marked("not shown: the role %(role)s does not read the table %(table)s")
    return str(context.call(context.resolve("gettext"), unread, role=reader.role, table=table))


@contextmanager
def http_errors() -> Iterator[None]:
    """403 for what a role may not read, 503 when an outside system does not answer, otherwise 404."""
    try:
        yield
    except MoebiusError as error:
        refused = isinstance(error, AccessError | SettingsError)
        status = 403 if refused else 503 if isinstance(error, ServiceError) else 404
        raise HTTPException(status_code=status, detail=str(error)) from error
