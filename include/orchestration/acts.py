"""A loop function that does an action of a person goes through the registry of actions whenever a task calls it."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from include.governance import actions
from include.governance.actions import Asked
from include.governance.answers import responder
from include.orchestration.dags import form, run_key, triggered_by, triggering_login
from include.services.composition import Services
from include.specification.usecase import UseCase


def guarded(spec: UseCase, services: Services, function: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which asks the registry first; as it is when it does no action of a person.

    ``call`` takes what the function takes after the spec and the services.
    """
    known = actions.done_by(function)
    if not known:
        return call

    def done(*args: Any, **kwargs: Any) -> Any:
        given = inspect.signature(call).bind(*args, **kwargs).arguments
        asked = _answered(spec, given) if known[0].asked == "answer" else _asked(spec, given)
        action = actions.chosen(function, asked.fields)
        if action is None or (action.by_hand and not asked.login):
            return call(*args, **kwargs)
        with services.acts.taking(spec, action, asked):
            return call(*args, **kwargs)

    return done


def _asked(spec: UseCase, given: Mapping[str, Any]) -> Asked:
    """What the form of this run says, and who started it."""
    login = triggering_login()
    return Asked(spec.name, login or triggered_by(), bool(login), {**form(), **_named(given)}, run_key())


def _answered(spec: UseCase, given: Mapping[str, Any]) -> Asked:
    """What a required action was answered, and by whom; ``by`` is '' when nobody answered."""
    answers = [one for one in given.values() if isinstance(one, Mapping) and "chosen_options" in one]
    answer: Mapping[str, Any] = answers[0] if answers else {}
    who = responder(answer) or str(given.get("by", ""))
    fields = _named(given) | dict(answer.get("params_input") or {}) | {"answer": _option(answer)}
    return Asked(spec.name, who, True, fields, str(given.get("run", "")))


def _option(answer: Mapping[str, Any]) -> str:
    return str(next(iter(answer.get("chosen_options") or []), ""))


def _named(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the function was called with, and what was asked for before."""
    named = {name: value for name, value in given.items() if isinstance(value, str | int | None)}
    asked = given.get("asked")
    return {**(asked if isinstance(asked, Mapping) else {}), **named}
