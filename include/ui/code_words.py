"""What the pages say of the code that fitted a version: which revision, and whether a refit and its proof had the same.

A revision is what ``git describe --always --dirty`` says; ``-dirty`` are changes that no commit has.
"""

from collections.abc import Callable, Mapping

from include.ui.language import marked

CHANGED = "-dirty"
SHOWN = 12


def revision(tags: Mapping[str, str]) -> str:
    """The revision that fitted the version with these tags; '' where nobody knows it."""
    found = tags.get("revision", "")
    return "" if found == "unknown" else found


def code(found: str, text: Callable[[str], str]) -> str:
    """``f098ebc61b2c``, and whether that commit says all; a dash for none."""
    if not found:
        return "–"
    commit = found.removesuffix(CHANGED)[:SHOWN]
    return (
        text(marked("%(commit)s and changes that no commit has")) % {"commit": commit} if is_changed(found) else commit
    )


def is_changed(found: str) -> bool:
    return found.endswith(CHANGED)


def on_other_code(refit: Mapping[str, str], proof: Mapping[str, str], text: Callable[[str], str]) -> str:
    """That the code of a refit is not what fitted its proof, or that nobody can tell; '' where it is the same."""
    own, judged = revision(refit), revision(proof)
    if not own or not judged or (own == judged and not is_changed(own)):
        return ""
    words = (
        marked("fitted by %(own)s, and the proof by %(judged)s: rows are not all that differs between them")
        if own != judged
        else marked("fitted by %(own)s, as the proof was: nobody can tell whether these changes were the same")
    )
    return text(words) % {"own": code(own, text), "judged": code(judged, text)}
