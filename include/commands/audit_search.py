"""``moebius audit search`` and ``show``: reading the log, which is in the log itself."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from include.commands.read import Form

if TYPE_CHECKING:
    from include.governance.audit_search import Reading
    from include.services.composition import Services

NEWEST = 50
Login = Annotated[
    str | None, typer.Option("--as", help="what this login may see; otherwise all, for the owner of the state root")
]


def search(
    words: Annotated[list[str] | None, typer.Argument(help="words that the event has anywhere")] = None,
    since: Annotated[str | None, typer.Option(help="2026-01-31, 2026-01-31T12:00, or 7d, 12h before now; UTC")] = None,
    until: Annotated[str | None, typer.Option(help="as --since; events before it")] = None,
    by: Annotated[str, typer.Option(help="login, client or process")] = "",
    kind: Annotated[str | None, typer.Option(help="use, change, decision or access")] = None,
    action: Annotated[str, typer.Option(help="like trigger, read_table, approved")] = "",
    usecase: Annotated[str, typer.Option(help="the use case")] = "",
    what: Annotated[str, typer.Option(help="a part of what it was done to, like r0002")] = "",
    outcome: Annotated[str | None, typer.Option(help="asked, done, refused or failed")] = None,
    login: Login = None,
    rows: Annotated[int, typer.Option(min=1, help="the newest so many")] = NEWEST,
    form: Annotated[Form, typer.Option("--format", help="as of `moebius read`")] = "auto",
    to: Annotated[Path | None, typer.Option(help="write all, with their proofs, into this new directory")] = None,
) -> None:
    """Search the audit log: who did what, when, to what. The search is an event of the log itself."""
    from include.services.composition import services

    given = {"since": _moment(since), "until": _moment(until), "by": by, "kind": kind, "action": action}
    given |= {"usecase": usecase, "what": what, "outcome": outcome, "text": " ".join(words or [])}
    found = _found(services(), given, login, None if to else rows)
    if to is not None:
        _write(services(), to, found)
    else:
        _show(found, form)


def show(
    entry: Annotated[str, typer.Argument(help="its place, like 2026-01-31/17; `moebius audit search` shows it")],
    login: Login = None,
) -> None:
    """Show one event of the audit log as JSON, with its place in the log."""
    from include.formats.plain_text import visible
    from include.services.composition import services

    day, _, number = entry.partition("/")
    if not number.isdigit():
        raise typer.BadParameter(f"{entry!r} is not <day>/<number>, like 2026-01-31/17")
    print(visible(json.dumps(_one(services(), day, int(number), login), indent=1, ensure_ascii=False)))


def _found(services: "Services", given: dict[str, Any], login: str | None, newest: int | None) -> Any:
    from pydantic import ValidationError

    from include.governance import audit_search
    from include.governance.audited import looked_at
    from include.services.command_events import by_command

    try:
        wanted = audit_search.Search.model_validate(given)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'filters'}: {e['msg']}" for e in error.errors())
        raise typer.BadParameter(faults) from None
    reading = _reading(services, login)
    asked = {name: value for name, value in wanted.asked.items() if name not in ("text", "what")}
    facts = {"filters": asked, "as": reading.login}
    with looked_at(services.adapters.audit, by_command("access", "search_audit_log", facts=facts)):
        entries = services.adapters.audit.entries(wanted.since, wanted.until, wanted.exact)
        return audit_search.find(entries, wanted, reading, newest)


def _one(services: "Services", day: str, number: int, login: str | None) -> dict[str, Any]:
    from include.errors import NotFoundError
    from include.governance.audit_search import with_event
    from include.governance.audited import looked_at
    from include.services.command_events import by_command

    reading = _reading(services, login)
    event = by_command("access", "show_audit_event", what=f"{day}/{number}", facts={"as": reading.login})
    with looked_at(services.adapters.audit, event):
        for entry in map(with_event, services.adapters.audit.entries()):
            if (entry.day, entry.number) == (day, number) and entry.event and reading.sees(entry.event):
                return reading.shown(entry).json_dict()
        raise NotFoundError(
            f"the audit log has no event {day}/{number} for this reader: it is none, or its retention is over; "
            "`moebius audit search` lists places"
        )


def _reading(services: "Services", login: str | None) -> "Reading":
    from include.governance.audit_search import Reading

    if login is None:
        return Reading()
    role = services.settings.role_of(login)
    return Reading(login, role, services.settings.access.get(role, "none"))


def _show(found: Any, form: Form) -> None:
    import pyarrow as pa

    from include.commands import rows_shown
    from include.governance.audit_search import COLUMNS, row

    lines = [row(entry) for entry in found.entries]
    table = pa.table({name: pa.array([line[name] for line in lines], pa.string()) for name in COLUMNS})
    more = f", the newest {len(lines)} of them" if found.total > len(lines) else ""
    rows_shown.show(table, form, f"audit log: {found.total} events{more}")


def _write(services: "Services", directory: Path, found: Any) -> None:
    """``events.jsonl``, oldest first, and beside it a proof of each event that a checkpoint has signed."""
    from include.errors import SettingsError

    if directory.exists():
        raise SettingsError(f"{directory} exists already; name a new directory")
    directory.mkdir(parents=True)
    lines = [json.dumps(entry.json_dict(), sort_keys=True, ensure_ascii=False) for entry in reversed(found.entries)]
    (directory / "events.jsonl").write_text("".join(f"{line}\n" for line in lines))
    proofs = {f"{e.day}-{e.number}.proof.json": services.audit.proof_of(e) for e in found.entries}
    signed = {name: proof for name, proof in proofs.items() if proof}
    for name, proof in signed.items():
        (directory / name).write_text(json.dumps(proof, indent=1, ensure_ascii=False))
    print(f"{found.total} events are in {directory}, {len(signed)} with a proof")
    if len(signed) < len(proofs):
        print("the others are newer than the last checkpoint: `moebius audit checkpoint`, then search again")


def _moment(text: str | None) -> datetime | None:
    """A day, a time, or so long before now; in UTC unless the text says otherwise."""
    if text is None:
        return None
    if text[:-1].isdigit() and text[-1:] in UNITS:
        return datetime.now(UTC) - timedelta(**{UNITS[text[-1]]: int(text[:-1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time: write 2026-01-31, 2026-01-31T12:00, 7d, 12h or 30m") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


UNITS = {"d": "days", "h": "hours", "m": "minutes"}
