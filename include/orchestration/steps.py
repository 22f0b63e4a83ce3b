"""Tasks that call one function of ``include.loop``, with the spec and the services of the process."""

import functools
import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowFailException

from include.contracts.record import Record
from include.errors import MoebiusError
from include.orchestration import task_costs
from include.orchestration.secrets import resolve_reference, secret
from include.settings import load_settings
from include.specification.usecase import UseCase

Call = Callable[..., Any]
"""What a task body gets of the loop: the function, which needs the arguments after the spec and the services only."""


def step(spec: UseCase, function: str, decorator: Any = task, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A task whose body gets the loop function as its first argument and says what to call it with.

    ``function`` is its module and name below ``include.loop``, like ``deployment.package_release``; it is imported
    when the task runs. A record that the body returns becomes JSON. ``decorator`` is ``@task`` or, say,
    ``task.branch``; ``options`` are the task's.
    """

    def decorate(body: Callable[..., Any]) -> Any:
        @functools.wraps(body)
        def run(*args: Any, **kwargs: Any) -> Any:
            with task_costs.measured(spec) as named:
                return named(_plain(body(bound(spec, function), *args, **kwargs)))

        signature = inspect.signature(body)
        parameters = list(signature.parameters.values())[1:]
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return decorator(**options)(deliberate(run))

    return decorate


def bound(spec: UseCase, function: str) -> Call:
    """``include.loop.<function>``, imported now, with the spec and the services of this process.

    What a person does by it goes through the registry of actions.
    """
    from include.orchestration.acts import guarded
    from include.services import composition

    module, name = function.split(".")
    services = composition.services(resolve_reference, secret)
    call = functools.partial(getattr(import_module(f"include.loop.{module}"), name), spec, services)
    return guarded(spec, services, function, call)


def deliberate(body: Callable[..., Any]) -> Callable[..., Any]:
    """The same, but an error that Moebius raises on purpose ends the task at once unless a retry may help.

    Whatever a full disk raises becomes words that name the disk.
    """

    @functools.wraps(body)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        from include.services.disks import naming_full_disks

        try:
            with naming_full_disks(load_settings()):
                return body(*args, **kwargs)
        except MoebiusError as error:
            if error.retryable:
                raise
            raise AirflowFailException(f"{type(error).__name__}: {error}") from error

    return guarded


def _plain(result: Any) -> Any:
    """What XCom keeps of a result: records as JSON, everything else as it is."""
    if isinstance(result, list):
        return [_plain(item) for item in result]
    return result.json_dict() if isinstance(result, Record) else result
