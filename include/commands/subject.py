"""``moebius subject``."""

import sys
from typing import Annotated

import typer

from include.errors import NotFoundError, SettingsError


def subject(usecase: Annotated[str, typer.Argument(help="the use case whose pseudonym keys are used")]) -> None:
    """Turn a subject's clear value, read from standard input, into its reference.

    The reference names the subject in the form of the DAG `subject_deletion`. The clear value is kept nowhere.
    The command ends with an error if nothing that is stored names the subject.
    """
    from include.contracts.pseudonyms import reference
    from include.governance import privacy
    from include.governance.audited import looked_at
    from include.loop import subject_deletion
    from include.services.command_events import by_command
    from include.services.composition import services
    from include.specification.loader import load_usecase

    spec, here = load_usecase(usecase), services()
    keys = here.privacy.active_keys(spec)
    value = sys.stdin.readline().rstrip("\r\n")
    if keys is None:
        raise SettingsError("there are no pseudonym keys: set MOEBIUS_PSEUDONYM_KEYS")
    if not value:
        raise SettingsError("standard input is empty: type the subject's value and end it with Enter")
    named, column = reference(keys.token(value)), privacy.subject_column(spec)
    event = by_command("access", "name_subject", usecase=usecase, subject={column: value} if column else {})
    with looked_at(here.adapters.audit, event):
        stored = subject_deletion.stored_values(spec, here, named)
    print(named)
    if not stored:
        raise NotFoundError(subject_deletion.unknown(spec, named))
