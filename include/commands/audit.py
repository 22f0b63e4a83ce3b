"""``moebius audit``: the log of who did what, proved."""

import json
from pathlib import Path
from typing import Annotated

import typer

from include.commands import audit_search

app = typer.Typer(help="The audit log: sign it, verify it, prove what is in it.", no_args_is_help=True)

app.command()(audit_search.search)
app.command()(audit_search.show)


@app.command()
def checkpoint() -> None:
    """Sign what the audit log has now, and copy the signature outside the state root; the platform does it daily."""
    from include.services.composition import services

    here = services()
    signed = here.audit.checkpoint()
    if signed is None:
        print("the audit log is empty: there is nothing to sign")
    else:
        about = signed.checkpoint
        print(f"checkpoint {about.number}: {about.size} entries of {about.day}, root {about.root}")
        print(f"copied to {here.settings.audit_checkpoints}")


@app.command()
def verify(
    rows: Annotated[bool, typer.Option(help="compare the predictions of the lake with their leaves too")] = True,
) -> None:
    """Verify log, checkpoints, approvals, releases and predictions; ends with 1 and names what was altered."""
    from include.adapters.audit_log.verify_audit import report
    from include.services.composition import services
    from include.specification.loader import specifications

    found = services().audit.verify([*specifications().good.values()], rows=rows)
    raise typer.Exit(report(*found))


@app.command()
def export(
    directory: Annotated[Path, typer.Argument(help="a new directory")],
    releases: Annotated[bool, typer.Option(help="copy the releases too")] = True,
) -> None:
    """Copy what an auditor verifies on another machine: `python verify_audit.py .` in the copy."""
    from include.services.composition import services

    place = services().audit.export(directory, releases=releases)
    print(f"wrote {place}: verify it with `python {place}/verify_audit.py {place} --checkpoints <copy> --keys <keys>`")


@app.command()
def prove(
    what: Annotated[str, typer.Argument(help="a use case, or a day like 2013-04-01")],
    which: Annotated[str, typer.Argument(help="request id of a prediction of it, or number of an event of the day")],
    output: Annotated[Path | None, typer.Option(help="file to write; default: standard output")] = None,
) -> None:
    """Prove that a prediction, or an event, is in the signed log: `python verify_audit.py --proof` verifies it."""
    from include.services.composition import services
    from include.specification.loader import load_usecase

    audit = services().audit
    day = what[:1].isdigit()
    proof = audit.prove_entry(what, int(which)) if day else audit.prove(load_usecase(what), which)
    text = json.dumps(proof, indent=1, ensure_ascii=False)
    if output:
        output.write_text(text + "\n")
        print(f"wrote {output}")
    else:
        print(text)
