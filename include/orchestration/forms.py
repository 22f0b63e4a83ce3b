"""A run's form has no field but the DAG's, and none of another operation: Airflow checks their values only."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from include.governance import operations
from include.governance.operations import OPERATION

AIRFLOWS_OWN = frozenset({"openlineage"})
"""What Airflow itself adds to the form of a run that another DAG starts."""


def check_form(context: Context) -> None:
    """Called before every task: so a run with an unknown field fails in its first one.

    Raises AirflowFailException naming the field, the nearest one of the form, and all others; or the fields that the
    form's operation does not take.
    """
    dag, given = context["dag"], context["dag_run"].conf or {}
    known = sorted(dag.params)
    if unknown := unknown_fields(known, given):
        raise AirflowFailException(f"{dag.dag_id}: {fault(unknown, known)}; nothing was done")
    chosen = given if OPERATION in given or OPERATION not in known else {**given, OPERATION: dag.params[OPERATION]}
    if beside := operations.fault(dag.dag_id.rpartition(".")[2], chosen):
        raise AirflowFailException(f"{dag.dag_id}: {beside}; nothing was done")


def unknown_fields(known: Collection[str], given: Mapping[str, Any]) -> list[str]:
    """The fields of a form that the DAG does not have."""
    return sorted(set(given) - set(known) - AIRFLOWS_OWN)


def fault(unknown: list[str], known: Collection[str]) -> str:
    """What is wrong with a form that has these fields; their values are not repeated."""
    named = [f"{field!r}{_nearest(field, known)}" for field in unknown]
    fields = f"its fields are {', '.join(known)}" if known else "it has no fields"
    return f"the form has no field {', nor '.join(named)}; {fields}"


def _nearest(field: str, known: Collection[str]) -> str:
    near = get_close_matches(field.lower(), known, n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""
