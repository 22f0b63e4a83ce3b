"""``python -m include.commands.subject <use case>``: a subject's clear value on standard input to its reference.

The reference names the subject in the form of the DAG ``subject_deletion``; the clear value is nowhere kept.
"""

import sys

from include.errors import MoebiusError
from include.governance.pseudonyms import reference
from include.loop.privacy import active_keys
from include.services.composition import Services
from include.settings import load_settings
from include.specification.loader import load_usecase


def main(usecase: str) -> int:
    try:
        keys = active_keys(load_usecase(usecase), Services(load_settings()))
    except MoebiusError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    value = sys.stdin.readline().rstrip("\r\n")
    if keys is None or not value:
        reason = "no pseudonym keys: set MOEBIUS_PSEUDONYM_KEYS" if keys is None else "standard input is empty"
        print(f"{reason}; type the subject's value and end with Enter", file=sys.stderr)
        return 1
    print(reference(keys.token(value)))
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m include.commands.subject <use case>   (the value comes on standard input)")
    sys.exit(main(sys.argv[1]))
