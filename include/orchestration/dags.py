"""Defaults of every Moebius DAG: name, owner, tags, retries, form, runbook, failure meaning."""

import inspect
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from airflow.sdk import DAG, Asset, Param, PartitionedAssetTimetable, get_current_context
from airflow.sdk.exceptions import DagRunTriggerException

from include.contracts.approval import UNNAMED
from include.contracts.period import Period, range_text, ranges
from include.errors import NotFoundError, SpecError
from include.formats import identity
from include.governance.answers import MOST_REASON
from include.orchestration.dag_names import SHOWN
from include.orchestration.forms import check_form
from include.orchestration.retries import OnlyWhatMayPass
from include.platform import beginning
from include.settings import load_settings
from include.specification.loader import load_usecase, usecases
from include.specification.usecase import UseCase

RETRY: dict[str, Any] = {
    "retries": 6,
    "retry_delay": timedelta(seconds=5),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(seconds=60),
    "retry_policy": OnlyWhatMayPass(faults=1),
}
"""For every task: each repeats without harm. What was lost or was away is tried again for about three minutes."""

NO_RETRY = {"retry_policy": OnlyWhatMayPass(faults=0)}
"""For a task whose failure is an answer: a refused gate, a verdict. Only a task that was lost is run again."""

DEFAULTS = {"schedule": None, "catchup": False, "max_active_runs": 1, "start_date": datetime(2013, 1, 1, tzinfo=UTC)}


def dag_family(
    build: Callable[[UseCase], object], *, where: Callable[[UseCase], object] = bool, **options: Any
) -> None:
    """One DAG per use case that the family is for, with the name and docstring of the DAG file that defines ``build``.

    A use case whose spec is faulty has none; ``dags/specifications.py`` shows why.
    ``options`` as ``usecase_dag`` says.
    """
    family, doc = Path(inspect.getfile(build)).stem, build.__globals__["__doc__"]
    for spec in filter(where, usecases()):
        usecase_dag(spec, build, family, doc=doc, **options)


def usecase_dag(
    spec: UseCase,
    build: Callable[[UseCase], object],
    family: str,
    *,
    arc: str,
    component: str,
    doc: str | None,
    **options: Any,
) -> DAG:
    """The DAG ``<usecase>.<family>`` with the common tags, owner, runbook and check of its form; ``build`` adds tasks.

    ``arc`` is ml, dev or ops; ``component`` is the ISO/IEC 23053 component that the DAG realises. ``options`` are
    Airflow's; one that is a function gets the spec. What runs by the clock runs first when its time has come after the
    state root was made: there is nothing to check or to delete before.
    """
    own = {name: value(spec) if callable(value) else value for name, value in options.items()}
    fields = own.pop("params", {})
    if isinstance(own.get("schedule"), str) and (made := beginning.moment(load_settings())):
        own = {"start_date": made, **own}
    shown = SHOWN[family]
    with DAG(
        dag_id=f"{spec.name}.{family}",
        dag_display_name=f"{spec.name} · {shown.name}",
        description=shown.description,
        tags=["moebius", spec.name, f"arc:{arc}", f"iso23053:{component}", *(f"role:{role}" for role in shown.roles)],
        default_args={"owner": spec.owner, "pre_execute": check_form, **RETRY},
        doc_md=doc,
        is_paused_upon_creation=False,
        **{**DEFAULTS, **own},
    ) as dag:
        build(spec)
    dag.params = fields  # last: each task would copy them four times, while a run takes the DAG's
    return dag


def require_usable_specifications() -> None:
    """Raises SpecError with one line per fault when a use case, or a part of it, cannot be used.

    Airflow keeps an import error per file and drops the DAGs of that file, so a file of its own says it.
    """
    from include.services import checking

    faults = checking.known(load_settings())
    if faults:
        lines = [line for lines in faults.values() for line in lines]
        raise SpecError("\n".join([f"use cases that cannot be used: {', '.join(faults)}", *lines]))


def on(asset: Callable[[str], Asset]) -> Callable[[UseCase], list[Asset]]:
    """The schedule of a DAG that starts with each event of an asset of its use case."""
    return lambda spec: [asset(spec.name)]


def on_period(asset: Callable[[str], Asset]) -> Callable[[UseCase], PartitionedAssetTimetable]:
    """The schedule of a DAG that starts once for each period of an asset of its use case."""
    return lambda spec: PartitionedAssetTimetable(assets=asset(spec.name))


def run_periods() -> list[Period]:
    """The periods this run is for, oldest first: those of its partition key, or of ``period`` in the form.

    Raises NotFoundError when the run has neither, PeriodError when the text is no period of the use case and no range
    of them: Airflow takes any text as the partition key of a DAG that starts on an asset.
    """
    context = get_current_context()
    calendar = load_usecase(context["dag_run"].dag_id.partition(".")[0]).calendar
    if not (key := context["dag_run"].partition_key or context["params"].get("period")):
        first = calendar.period(calendar.example)
        raise NotFoundError(
            "this run has no period: trigger it with one, or with a range, as partition key or `period`: "
            f"{first}, {range_text([first, first.shift(2)])}"
        )
    return calendar.ranged(key)


def run_period() -> Period:
    """The newest of the periods this run is for; raises as ``run_periods``."""
    return run_periods()[-1]


def each_period(call: Callable[..., Any], *arguments: Any) -> Any:
    """What ``call`` returns for the one period of this run; for several a dictionary of it by period, oldest first."""
    results = {str(period): call(period, *arguments) for period in run_periods()}
    return results if len(results) > 1 else next(iter(results.values()))


def run_key() -> str:
    """A name for this run that is safe in paths."""
    return identity.in_paths(run_id())


def run_id() -> str:
    """The id of this run."""
    return str(get_current_context()["dag_run"].run_id)


def form() -> dict[str, Any]:
    """The fields of the form that this run was started with."""
    return get_current_context()["params"]


def xcom(task_id: str) -> Any:
    """What a task of this run returned; None when it was skipped."""
    return get_current_context()["ti"].xcom_pull(task_ids=task_id)


def triggering_extra(asset_name: str) -> dict[str, Any]:
    """``extra`` of the newest event of the asset that started this run; {} for a manual run."""
    events = get_current_context()["triggering_asset_events"]
    matching = [e for asset, es in events.items() if asset.name == asset_name for e in es]
    extra = max(matching, key=lambda e: e.timestamp).extra if matching else {}
    return {name: value for name, value in extra.items() if name != STARTED_BY}


STARTED_BY = "started_by"
"""What every asset event says of the people who started the chain of runs that it ends."""


def starters() -> list[str]:
    """Logins that started this run: who triggered it, or who started the runs whose asset events did; [] for none.

    Airflow marks an event that was posted over REST and does not say who posted it: then ``UNNAMED`` is among them.
    """
    context = get_current_context()
    if login := getattr(context["dag_run"], "triggering_user_name", None):
        return [str(login)]
    events = [event for events in context["triggering_asset_events"].values() for event in events]
    return sorted({login for event in events for login in _starters_of(event.extra)})


def _starters_of(extra: dict[str, Any]) -> list[str]:
    return [UNNAMED] if extra.get("from_rest_api") else [str(login) for login in extra.get(STARTED_BY, [])]


def triggered_by() -> str:
    """Who started this run, as Airflow recorded it."""
    run = get_current_context()["dag_run"]
    return str(getattr(run, "triggering_user_name", None) or getattr(run.run_type, "value", run.run_type))


def triggering_login() -> str:
    """The login that started this run; '' when no person did, or one did on Airflow's own machine."""
    return str(getattr(get_current_context()["dag_run"], "triggering_user_name", None) or "")


def scheduled() -> bool:
    """Whether this run started by its timetable."""
    run_type = get_current_context()["dag_run"].run_type
    return str(getattr(run_type, "value", run_type)) == "scheduled"


def due_at() -> datetime | None:
    """When the timetable let this run start; None of a run that somebody started."""
    return get_current_context()["dag_run"].run_after if scheduled() else None


def start_run(dag_id: str, run_id: str, fields: dict[str, Any]) -> NoReturn:
    """End this task by starting a run of a DAG with its form filled in; skipped when there is a run of that name.

    What ``TriggerDagRunOperator`` does, whose import takes longer than all DAG files together. The run has no logical
    date: today is after the DAG's ``end_date``, and such a run ends without a task.
    """
    unused = ("reset_dag_run", "wait_for_completion", "allowed_states", "failed_states", "poke_interval", "deferrable")
    wish: dict[str, Any] = dict.fromkeys(unused, False)
    wish |= {"trigger_dag_id": dag_id, "dag_run_id": run_id, "conf": fields, "skip_when_already_exists": True}
    raise DagRunTriggerException(**wish)


def emit(asset: Any, **extra: Any) -> None:
    """Attach ``extra`` to this task's event of ``asset``, and who started this run."""
    people: list[Any] = starters()
    get_current_context()["outlet_events"][asset].extra.update({**extra, STARTED_BY: people})


def emit_periods(asset: Any, periods: Sequence[Period] | None = None) -> None:
    """This task's event of ``asset`` is of a range of periods (None: the run's, also when they came by the form).

    Where periods are missing in between it has one event for each range.
    """
    keys = [range_text(stretch) for stretch in ranges(periods or run_periods())]
    get_current_context()["outlet_events"][asset].add_partitions(keys)


# -- forms: a parameter of one name has one type, title and text in all of them
def text_param(
    default: str | None, title: str, description: str, pattern: str | None = None, *, needed: bool = False
) -> Param:
    """A text of 2,000 characters at most; one that is ``needed`` must be given, any other may be left out."""
    schema: dict[str, Any] = {"type": "string" if needed else ["null", "string"], "maxLength": MOST_REASON}
    if pattern:
        schema["pattern"] = pattern
    value = str(default) if default else ("" if needed else None)
    return Param(value, **schema, title=title, description=description)


NON_BLANK = r"\S\s*\S\s*\S"
"""At least three characters that are not blank."""


def period_param(
    spec: UseCase, title: str, description: str, default: Period | None = None, *, needed: bool = False
) -> Param:
    """One period, in the rhythm of the use case."""
    return text_param(default, title, description, spec.calendar.pattern, needed=needed)


def periods_param(spec: UseCase, *, needed: bool = False) -> Param:
    """The periods of a run: one, or a range."""
    first, title = spec.periods.first, spec.calendar.every.capitalize()
    text = f"{title}, like {first}, or a range, like {range_text([first, first.shift(2)])}."
    return text_param(None, title, text, spec.calendar.range_pattern, needed=needed)


def period_form(spec: UseCase) -> dict[str, Param]:
    """The form of a DAG that asks for the periods of the run only."""
    return {"period": periods_param(spec)}


def range_params(spec: UseCase, pattern: str | None = None) -> dict[str, Param]:
    """``from`` and ``to``, both with the first period of the use case; ``pattern``: of another rhythm too."""
    first, every = spec.periods.first, spec.calendar.every
    titles, written = {"from": f"First {every}", "to": f"Last {every}"}, pattern or spec.calendar.pattern
    return {name: text_param(first, t, f"{t}, like {first}.", written, needed=True) for name, t in titles.items()}


def version_param() -> Param:
    return Param(
        None, type=["null", "integer"], minimum=1, title="Model version", description="A registered version, like 2."
    )


def release_param(*shorthands: str) -> Param:
    """A release by its name, or by one of the shorthands."""
    text = "Name of a release, like r0002; what an empty field does is in the runbook."
    names = "|".join([r"r\d{4,}", *shorthands])
    return text_param(None, "Release", text, f"^({names})$")


def table_param(default: str) -> Param:
    text = "Name of a table, like events."
    return text_param(default, "Table", text, r"^[a-z][a-z0-9_]*$", needed=True)


def reason_param(*, needed: bool = True) -> Param:
    text = "Why; it is recorded, and whoever approves reads it."
    return text_param(None, "Reason", text, NON_BLANK, needed=needed)


def yes_or_no(default: bool, title: str, description: str) -> Param:
    return Param(default, type="boolean", title=title, description=description)


def confirm_param(spec: UseCase, *, needed: bool = True) -> Param:
    """A field in which a person types the use case's name."""
    text = "This cannot be undone: type the use case's name."
    return text_param(None, "Confirm", text, f"^{spec.name}$", needed=needed)


def number(default: float | None, title: str, description: str, least: int | None = None) -> Param:
    """A whole number from ``least`` on, or without ``least`` any number above 0, or none."""
    if least is not None:
        return Param(default, type="integer", minimum=least, title=title, description=description)
    return Param(default, type=["null", "number"], exclusiveMinimum=0, title=title, description=description)


def choice(default: str, allowed: list[str], title: str, description: str) -> Param:
    return Param(default, type="string", enum=allowed, title=title, description=description)
