"""``moebius subject``."""

import sys
from typing import Annotated

import typer

from include.errors import SettingsError


def subject(usecase: Annotated[str, typer.Argument(help="the use case whose pseudonym keys are used")]) -> None:
    """Turn a subject's clear value, read from standard input, into its reference.

    The reference names the subject in the form of the DAG `subject_deletion`. The clear value is kept nowhere.
    """
    from include.contracts.pseudonyms import reference
    from include.services.composition import services
    from include.specification.loader import load_usecase

    keys = services().privacy.active_keys(load_usecase(usecase))
    value = sys.stdin.readline().rstrip("\r\n")
    if keys is None:
        raise SettingsError("there are no pseudonym keys: set MOEBIUS_PSEUDONYM_KEYS")
    if not value:
        raise SettingsError("standard input is empty: type the subject's value and end it with Enter")
    print(reference(keys.token(value)))
