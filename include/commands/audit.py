"""``moebius audit``: the log of who did what, proved."""

import typer

app = typer.Typer(help="The audit log: sign it, verify it, prove what is in it.", no_args_is_help=True)


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
