"""What a DAG file names is there; what a step gives to its body and hands on."""

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.contracts.deployment import ReleaseRef
from include.errors import NotFoundError, ServiceError
from include.orchestration.steps import Call, bound, deliberate, step
from include.services import composition
from include.services.composition import Services
from include.settings import ROOT, Settings
from tests.unit.evaluation.evaluation_specs import small_spec

FILES = sorted([*(ROOT / "dags").glob("*.py"), *(ROOT / "include" / "orchestration").glob("*.py")])
SPEC = small_spec()


def references(file: Path) -> Iterator[Any]:
    """The second argument of every call of ``step`` and ``bound``."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("step", "bound"):
            yield getattr(node.args[1], "value", None)


NAMED = sorted({(file.stem, name) for file in FILES for name in references(file) if file.stem != "steps"})


def test_every_dag_file_names_its_loop_function() -> None:
    assert {file.stem for file in (ROOT / "dags").glob("*.py")} - {"specifications"} <= {file for file, _ in NAMED}


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_named_loop_function_is_there_and_takes_spec_and_services(file: str, name: str) -> None:
    module, function = name.split(".")
    found = getattr(import_module(f"include.loop.{module}"), function)
    assert list(inspect.signature(found).parameters)[:2] == ["spec", "services"], f"{file}.py: {name}"


def test_no_dag_file_gets_services_or_loop_functions_itself() -> None:
    for file in (ROOT / "dags").glob("*.py"):
        assert "include.loop" not in file.read_text().split("def build", 1)[-1], file.name
        assert "include.services" not in file.read_text(), file.name


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Services:
    made = Services(Settings(home=tmp_path))
    monkeypatch.setattr(composition, "services", lambda *_: made)
    return made


@pytest.fixture
def plain() -> Any:
    """A decorator in the place of Airflow's: it keeps the options on the function."""

    def decorator(**options: Any) -> Any:
        def keep(run: Any) -> Any:
            run.options = options
            return run

        return keep

    return decorator


def test_the_function_gets_spec_and_services_first(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.loop.export.read_as", lambda *given: given)
    assert bound(SPEC, "export.read_as")("a name") == (SPEC, services, "a name")


def test_the_secrets_of_a_task_come_from_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(composition, "services", lambda *backends: asked.extend(backends))
    bound(SPEC, "export.read_as")
    assert [backend.__name__ for backend in asked] == ["resolve_reference", "secret"]


def test_a_body_shows_airflow_its_own_arguments_only(services: Services, plain: Any) -> None:
    @step(SPEC, "export.read_as", plain, retries=3)
    def body(call: Call, key: str, ti: object = None) -> dict:
        return {"called": call.func.__name__, "key": key}  # type: ignore[attr-defined]

    assert list(inspect.signature(body).parameters) == ["key", "ti"]
    assert body.options == {"retries": 3}
    assert body("k", ti=None) == {"called": "read_as", "key": "k"}
    assert body.__annotations__["return"] is dict, "Airflow reads from it whether there are several outputs"


def test_a_record_becomes_json(services: Services, plain: Any) -> None:
    @step(SPEC, "export.read_as", plain)
    def body(call: Call) -> list[dict]:
        return [ReleaseRef(usecase="u", name="r0001", model_version=1, path="p", content_hash="c"), "text"]  # type: ignore[list-item]

    release, text = body()
    assert (release["name"], release["model_version"], text) == ("r0001", 1, "text")


@pytest.mark.parametrize(
    ("error", "raised"), [(NotFoundError("no"), AirflowFailException), (ServiceError("no"), ServiceError)]
)
def test_only_what_a_retry_may_help_is_retried(error: Exception, raised: type[Exception]) -> None:
    def body() -> None:
        raise error

    with pytest.raises(raised, match="no"):
        deliberate(body)()


def test_keys_come_from_the_settings_first_and_from_the_vault_else(tmp_path: Path) -> None:
    vault = {"pseudonym_keys": "k02:" + "b" * 20, "private_key": "of the vault"}.get
    mine = Services(Settings(home=tmp_path, pseudonym_keys="k01:" + "a" * 20), vault=lambda name: vault(name) or "")
    assert mine.secret("pseudonym_keys").startswith("k01")
    assert (mine.secret("private_key"), mine.secret("hand_over_keys")) == ("of the vault", "")
