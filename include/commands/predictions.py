"""``moebius predictions``; see docs/guides/predictions_of.md."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from include.contracts.found_answers import FoundAnswer, FoundAnswers

Form = Literal["text", "json"]


def predictions(
    usecase: Annotated[str, typer.Argument(help="the use case")],
    role: Annotated[str, typer.Argument(help="viewer, engineer, operator, approver, auditor or admin")],
    entity: Annotated[
        list[str] | None, typer.Option(help="whose or which, like tailnum=N12345 or flight_id=...; all must hold")
    ] = None,
    request: Annotated[str | None, typer.Option(help="the id of one request")] = None,
    since: Annotated[datetime | None, typer.Option(help="only about events from then on, UTC")] = None,
    until: Annotated[datetime | None, typer.Option(help="only about events before then, UTC")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="what each feature moved the answer by")] = False,
    rows: Annotated[int, typer.Option(min=1, help="at most so many answers, the newest first")] = 20,
    form: Annotated[Form, typer.Option("--format", help="text or json")] = "text",
) -> None:
    """Show the answers about one entity or request: release, features, explanation, truth; the look is audited."""
    from include.commands.read import condition
    from include.formats.plain_text import visible
    from include.services.command_events import person
    from include.services.composition import services
    from include.services.found_answers import REQUEST, Looker, find
    from include.specification.loader import load_usecase

    asked = dict(map(condition, entity or [])) | ({REQUEST: request} if request else {})
    looker = Looker(person(), [role], "command")
    window = {"since": since and since.replace(tzinfo=UTC), "until": until and until.replace(tzinfo=UTC)}
    found = find(load_usecase(usecase), services(), looker, asked, explain=explain, most=rows, **window)
    print(found.model_dump_json(indent=1) if form == "json" else visible(shown(found)))


def shown(found: "FoundAnswers") -> str:
    """As text: a paragraph for each answer."""
    count = f"{len(found.answers)}{' newest' if found.more else ''} answers of {found.usecase} as {found.role}"
    hidden = [f"{table}: not shown to {found.role}: {', '.join(names)}" for table, names in found.hidden.items()]
    return "\n\n".join(["\n".join([count, *hidden]), *map(_answer, found.answers)])


def _answer(one: "FoundAnswer") -> str:
    head = f"{one.source} by {one.release}" + (f", request {one.request_id}" if one.request_id else "")
    at = f", answered {one.answered_at.isoformat(timespec='seconds')}" if one.answered_at else ""
    truth = f"truth: {one.truth.value}" if one.truth.state == "known" else f"truth: {one.truth.state}"
    values = [f"  {name} = {value}" for name, value in one.columns.items() if value is not None]
    return "\n".join([head + at, truth, *values, *_explanation(one)])


def _explanation(one: "FoundAnswer") -> list[str]:
    if (why := one.explanation) is None:
        return []
    if why.why_not:
        return [f"no explanation: {why.why_not}"]
    effects = [f"  {effect:+.4f}  {name}" for name, effect in why.effects.items()]
    rest = [f"  {why.hidden:+.4f}  features that are not shown"] if why.hidden else []
    return [f"{why.of} {why.answer:.4f}, from {why.reference:.4f} of the typical row ({why.method}):", *effects, *rest]
