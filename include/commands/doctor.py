"""``moebius doctor``: which files of the state root are damaged, and what helps."""

from typing import Annotated

import typer


def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="put good copies in the place of damaged files")] = False,
    accept: Annotated[
        list[str] | None, typer.Option("--accept", help="take this file, as it is, for good from now on")
    ] = None,
) -> None:
    """Check every small file and database of the state root; the exit code is 1 when one is damaged."""
    from include.formats.plain_text import visible
    from include.governance.audited import audited
    from include.platform.doctor import Doctor
    from include.services.command_events import by_command
    from include.services.composition import services
    from include.settings import load_settings

    of = Doctor(load_settings())
    for name in accept or ():
        with audited(services().adapters.audit, by_command("change", "accept_file", what=name)):
            accepted = of.accept(name)
        print(visible(f"accepted: {accepted}"))
    for path in of.repair() if repair else ():
        print(visible(f"put back: {path}; the damaged file is beside it, as .{path.name}.damaged"))
    findings = of.findings()
    for finding in findings:
        way = "; `moebius doctor --repair` helps" if finding.repairable else ""
        print(visible(f"{finding.path}: {finding.fault}{way}"))
    print(f"{len(of.files())} small files were checked, and the databases; {len(findings)} are damaged")
    raise typer.Exit(1 if findings else 0)
