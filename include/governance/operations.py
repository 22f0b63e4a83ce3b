"""The fields of a form that each of its operations takes.

A form that gives more means something else than it would do: `expire` with a period deletes files of every period.
"""

from collections.abc import Mapping
from typing import Any

OPERATION, REASON = "operation", "reason"
TAKEN: dict[str, dict[str, frozenset[str]]] = {
    "control": {
        "show": frozenset(),
        "pause": frozenset({"length"}),
        "resume": frozenset(),
        "silence": frozenset({"alert", "length"}),
        "unsilence": frozenset({"alert"}),
    },
    "data_versions": {
        "list": frozenset({"period"}),
        "diff": frozenset({"period", "snapshot", "other"}),
        "restore": frozenset({"period", "snapshot"}),
        "pin": frozenset({"period", "snapshot"}),
        "unpin": frozenset({"period", "snapshot"}),
        "expire": frozenset({"as_of"}),
        "rebuild": frozenset({"version"}),
    },
    "rollback": {"roll_back": frozenset({"release"}), "abort": frozenset()},
}
"""DAG family → operation → fields beside the operation itself and the reason, which each may have."""


def of_others(family: str, operation: str) -> frozenset[str]:
    """The fields of the form that are for other operations only."""
    known = TAKEN.get(family, {})
    return frozenset().union(*known.values()) - known[operation] if operation in known else frozenset()


def fault(family: str, form: Mapping[str, Any]) -> str:
    """What is wrong with a form that fills in fields of another operation; '' when nothing is."""
    operation = str(form.get(OPERATION))
    useless = sorted(name for name in of_others(family, operation) if form.get(name) not in (None, ""))
    if not useless:
        return ""
    takes = sorted({REASON, *TAKEN[family][operation]})
    return f"the operation {operation!r} takes {', '.join(takes)}, and not {', '.join(useless)}"
