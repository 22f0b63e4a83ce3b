"""Forms: one parameter is one thing everywhere, needs no more than its DAG does, and no other field is taken."""

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError

from include.governance.actions import ACTIONS
from include.governance.operations import TAKEN
from include.orchestration.dags import periods_param, range_params
from include.orchestration.forms import check_form
from include.specification.data import Periods
from include.specification.loader import load_usecase
from include.ui import form_words
from include.ui.action_words import WITHOUT
from tests.dags.snapshot import load_dags

VALUES = {"enum", "pattern"}
"""What a DAG may choose of its own: its operations, its use case's name, a shorthand for a release, other rhythms."""
OWN_VALUES = {"operation", "confirm", "release", "from", "to"}


@pytest.fixture(scope="module")
def dags() -> dict[str, Any]:
    return load_dags()


def kind(name: str, param: Any) -> tuple[str, ...]:
    """Type (leaving out is told apart), title, text and limits."""
    schema = dict(param.schema)
    type_ = schema.pop("type", "")
    types = [type_] if isinstance(type_, str) else sorted(set(type_) - {"null"})
    rest = {key: value for key, value in schema.items() if name not in OWN_VALUES or key not in VALUES}
    return (*types, param.description, *(f"{key}={rest[key]}" for key in sorted(rest)))


def test_one_parameter_has_one_type_title_and_text_in_all_forms(dags: dict[str, Any]) -> None:
    kinds: dict[str, dict[tuple[str, ...], str]] = {}
    for dag in (dag for dag in dags.values() if dag.dag_id.startswith("flight_delay.")):
        for name in dag.params:
            kinds.setdefault(name, {})[kind(name, dag.params.get_param(name))] = dag.dag_id
    assert {name: found for name, found in kinds.items() if len(found) > 1} == {}


def test_every_field_has_a_type_a_title_and_a_text(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        for name in dag.params:
            param = dag.params.get_param(name)
            assert {"type", "title"} <= set(param.schema), (dag.dag_id, name)
            assert param.description, (dag.dag_id, name)


def test_a_text_has_a_greatest_length_or_is_one_of_a_list(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        for name in dag.params:
            schema = dag.params.get_param(name).schema
            if "string" in schema["type"]:
                assert {"maxLength", "enum", "format"} & set(schema), (dag.dag_id, name)


def test_an_operation_that_only_looks_needs_no_other_field(dags: dict[str, Any]) -> None:
    params = dags["flight_delay.data_versions"].params
    needed = [name for name in params if "null" not in params.get_param(name).schema["type"]]
    assert needed == ["operation"]


def test_every_task_of_every_dag_checks_the_form_first(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        for task in dag.tasks:
            hook = task.partial_kwargs.get("pre_execute") if task.is_mapped else task._pre_execute_hook
            assert hook is check_form, (dag.dag_id, task.task_id)


def checked(dags: dict[str, Any], dag_id: str, conf: dict[str, Any] | None) -> None:
    check_form({"dag": dags[dag_id], "dag_run": SimpleNamespace(conf=conf)})  # type: ignore[typeddict-item]


def test_a_field_that_no_form_has_fails_every_dag_and_is_named(dags: dict[str, Any]) -> None:
    for dag_id in dags:
        with pytest.raises(AirflowFailException, match="the form has no field 'nonsense'"):
            checked(dags, dag_id, {"nonsense": "a value"})


@pytest.mark.parametrize(
    ("dag_id", "field", "meant"),
    [
        ("flight_delay.data_pipeline", "preiod", "period"),
        ("flight_delay.training", "Trials", "trials"),
        ("flight_delay.rollback", "relase", "release"),
        ("flight_delay.data_versions", "snapshots", "snapshot"),
    ],
)
def test_an_unknown_field_is_named_with_its_nearest_neighbour(
    dags: dict[str, Any], dag_id: str, field: str, meant: str
) -> None:
    with pytest.raises(AirflowFailException, match=f"no field '{field}' .did you mean '{meant}'.") as refused:
        checked(dags, dag_id, {field: "k01-secret"})
    assert "k01-secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("family", "conf", "words"),
    [
        ("data_versions", {"operation": "expire", "period": "2013-01"}, "'expire' takes as_of, reason, and not period"),
        ("data_versions", {"operation": "expire", "snapshot": "2013-01-ab", "version": 1}, "not snapshot, version"),
        ("data_versions", {"snapshot": "2013-01-ab"}, "'list' takes period, reason, and not snapshot"),
        ("data_versions", {"operation": "restore", "snapshot": "2013-01-ab", "other": "2013-01-cd"}, "not other"),
        ("rollback", {"operation": "abort", "release": "r0001"}, "'abort' takes reason, and not release"),
        ("control", {"operation": "pause", "length": "2 days", "alert": "MoebiusModelSilent"}, "and not alert"),
    ],
)
def test_a_field_that_the_operation_does_not_take_is_refused(
    dags: dict[str, Any], family: str, conf: dict[str, Any], words: str
) -> None:
    with pytest.raises(AirflowFailException, match=words):
        checked(dags, f"flight_delay.{family}", conf)


@pytest.mark.parametrize("family", TAKEN)
def test_every_operation_says_which_fields_of_the_form_it_takes(dags: dict[str, Any], family: str) -> None:
    """An empty field, as the form sends it, is none."""
    params = dags[f"flight_delay.{family}"].params
    assert sorted(TAKEN[family]) == sorted(params.get_param("operation").schema["enum"])
    assert {*params} == {"operation", "reason"}.union(*TAKEN[family].values())
    for operation, fields in TAKEN[family].items():
        given = dict.fromkeys(params) | dict.fromkeys(fields, "x") | {"operation": operation, "reason": "why"}
        checked(dags, f"flight_delay.{family}", given)


def test_every_form_with_operations_is_known(dags: dict[str, Any]) -> None:
    assert {dag_id.partition(".")[2] for dag_id, dag in dags.items() if "operation" in dag.params} == {*TAKEN}


@pytest.mark.parametrize("conf", [None, {}, {"period": "2013-04"}, {"openlineage": {"parentRunId": "r"}}])
def test_the_fields_of_the_form_and_airflows_own_are_taken(dags: dict[str, Any], conf: Any) -> None:
    checked(dags, "flight_delay.data_pipeline", conf)


@pytest.mark.parametrize(
    ("first", "timezone", "taken", "refused"),
    [
        ("2013-04-01T05Z", None, "2013-04-01T05Z..2013-04-01T09Z", "2013-04-01"),
        ("2013-04-01", "Asia/Tokyo", "2013-04-01..2013-04-30", "2013-04"),
        ("2013-W14", "Asia/Tokyo", "2013-W14", "2013-04-01"),
        ("2013-04", "Asia/Tokyo", "2013-04..2013-06", "2013-04-01"),
    ],
)
def test_a_form_speaks_the_rhythm_and_takes_no_other(
    first: str, timezone: str | None, taken: str, refused: str
) -> None:
    periods = Periods.model_validate({"first": first, "schedule": "0 6 * * *", "timezone": timezone})
    spec = load_usecase("flight_delay").model_copy(update={"periods": periods})
    field = periods_param(spec)
    assert field.schema["title"] == spec.calendar.every.capitalize()
    assert str(field.description).startswith(
        f"{spec.calendar.every.capitalize()}, like {first}, or a range, like {first}.."
    )
    assert field.resolve(value=taken) == taken
    with pytest.raises(ParamValidationError):
        field.resolve(value=refused)
    for name, param in range_params(spec).items():
        assert param.resolve() == first, name
        with pytest.raises(ParamValidationError):
            param.resolve(value=refused)


def test_every_text_of_an_actions_form_is_one_that_the_pages_translate(dags: dict[str, Any]) -> None:
    """What they do not know they show in English."""
    triggers = [action for action in ACTIONS.values() if action.asked == "trigger"]
    families = {one.family for one in ACTIONS.values()}
    params, questions = [], []
    for dag in dags.values():
        family = dag.dag_id.rpartition(".")[2]
        for action in (one for one in triggers if one.family == family):
            params.append((dag.params, set(dag.params) - set(action.fields) - set(WITHOUT.get(action.name, ()))))
        questions += [task for task in dag.tasks if family in families and hasattr(task, "subject")]
    params += [(task.params, set(task.params)) for task in questions]
    fields = [given.get_param(name) for given, names in params for name in names]
    texts = {text for field in fields for text in (field.schema["title"], field.description)}
    texts |= {task.subject for task in questions}
    known = list(form_words._patterns().values())
    assert sorted(text for text in texts if not any(pattern.fullmatch(text) for pattern in known)) == []
