"""``moebius compliance``; see docs/guides/compliance.md."""

from pathlib import Path
from typing import Annotated, Any

import typer

from include.formats.plain_text import visible

app = typer.Typer(no_args_is_help=True, help="Write and verify the evidence bundle of a release.")


@app.command("bundle")
def bundle_command(
    usecase: Annotated[str, typer.Argument(help="the use case")],
    release: Annotated[str, typer.Argument(help="the release, like r0002")],
    out: Annotated[Path | None, typer.Option(help="a new directory for a copy of the bundle")] = None,
    reason: Annotated[str, typer.Option(help="why; the audit log keeps it")] = "",
) -> None:
    """Write the bundle below <home>/compliance, and say what is missing. The audit log has who made it."""
    from include.governance.audited import audited
    from include.loop.compliance import make
    from include.services.command_events import by_command
    from include.services.compliance import BUNDLED
    from include.services.composition import services
    from include.specification.loader import load_usecase

    spec, here = load_usecase(usecase), services()
    event = by_command("access", BUNDLED, usecase=usecase, what=f"release {release}", reason=reason)
    with audited(here.adapters.audit, event):
        made = make(spec, here, release, out)
    print(visible(told(made, out)))


def told(made: dict[str, Any], out: Path | None) -> str:
    """What a person reads of a bundle: where it is, how many items are evidenced, what is missing."""
    counted = ", ".join(f"{count} {state}" for state, count in made["items"].items())
    place = f"{out or made['bundle']}{'' if made['new'] else ' (nothing changed since it was made)'}"
    return "\n".join([f"{place}: {counted}", *(f"missing {one}" for one in made["missing"])])


@app.command("verify")
def verify_command(directory: Annotated[Path, typer.Argument(help="a bundle, or a copy of one")]) -> None:
    """Prove that the files are those that this state root signed. Ends with 1, and names what was altered, if not."""
    from include.loop.compliance import manifest, verify
    from include.services.composition import services

    if faults := verify(services(), directory):
        print(visible("\n".join(faults)))
        raise typer.Exit(1)
    kept = manifest(directory)
    print(visible(f"{len(kept.files)} files of {kept.usecase} {kept.release}, made {kept.made_at}, are as signed"))


@app.command("laws")
def laws_command() -> None:
    """List the laws, when they were checked and against what, the dates, and what the check left open."""
    from include.governance.compliance.law import laws

    for law in laws().values():
        lines = [f"{law.title}: checked on {law.checked_on} against {law.checked_against}", law.source]
        lines += [f"  {date.day} {date.what}" for date in law.dates] + [f"  open: {one}" for one in law.open]
        print(visible("\n".join(lines)))
