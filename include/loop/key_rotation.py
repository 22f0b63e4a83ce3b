"""Renews stored tokens with the newest key, without clear values, and deletes the old tokens."""

import re
from collections.abc import Iterator

from include.contracts.pseudonyms import TOKEN, KeyRing, is_token
from include.errors import PrivacyError, SettingsError
from include.governance import erasure
from include.governance.traces import SOURCES, Finding, search
from include.services.composition import Services
from include.specification.usecase import UseCase


class OtherTokens:
    """Matches every token of another key than the current one; for ``include.governance.traces``."""

    whole: frozenset[str] = frozenset()

    def __init__(self, keys: KeyRing) -> None:
        digest = TOKEN.partition(":")[2]
        self._pattern = re.compile(rf"k(?!{keys.current[1:]})\d\d:{digest}".encode())

    def found(self, content: bytes) -> set[bytes]:
        return {match[0] for match in self._pattern.finditer(content)}

    def found_in(self, chunks: Iterator[bytes]) -> set[bytes]:
        tokens, rest = set[bytes](), b""
        for chunk in chunks:
            tokens |= self.found(rest + chunk)
            rest = (rest + chunk)[-64:]
        return tokens


def rotate(spec: UseCase, services: Services, by: str) -> dict[str, int]:
    """Put the newest key of the ring in use and rewrite every stored token; what changed, per place.

    The online store has both tokens while the model server changes over, so no request misses its features. May
    be repeated: a run that was killed is finished.

    Raises
    ------
    SettingsError
        there are no keys, or one that stored tokens need is missing.
    PrivacyError
        tokens of an earlier key are left; says where.
    """
    keys, before = services.privacy.keys, services.privacy.active_keys(spec)
    if keys is None or before is None:
        raise SettingsError(f"{spec.name}: there are no pseudonym keys, so there is nothing to rotate")
    copies, rewriting = services.adapters.online_copies(spec), services.rewriting(spec)
    state = services.records.privacy(spec)
    with state.alone():
        line, audited = erasure.renew_line(keys), services.adapters.audit_keys
        copied = copies.copy(line)
        state.use_key(keys.note())
        mark = f"tokens were rewritten to key {keys.current}"
        try:
            changed = rewriting.rewrite(erasure.renewed(keys), line, mark)
        except ValueError as error:
            raise SettingsError(f"{spec.name}: {error}") from None
        # the leaves of predictions stay as they are: the keys of tokens stand in them, not the tokens
        renewed = audited.renew(spec.name, lambda value: keys.renew(value) if is_token(value) else value)
        changed += [erasure.Changed("keys/audit_subjects.db", renewed, renewed)] if renewed else []
        changed += copies.renew_streamed(line)
        deleted = copies.delete(line)
        changed += [erasure.Changed(place, count, copied[place]) for place, count in deleted.items()]
        copies.forget()
        rewriting.record("rotation", {"from": before.current, "to": keys.current, "by": by}, changed)
    others = OtherTokens(keys)
    home = services.settings.home
    _prove(spec, services, [*search(home, others, (), SOURCES), *copies.search(others, home / "redis")])
    return {one.place: one.after for one in changed}


def _prove(spec: UseCase, services: Services, left: list[Finding]) -> None:
    if left:
        places = sorted({str(f.file.relative_to(services.settings.home)) for f in left})
        raise PrivacyError(
            f"{spec.name}: tokens of an earlier key are still in {len(places)} files: {', '.join(places[:20])}. "
            "If a pipeline ran in the meantime, run this again; delete files that are not tables by hand"
        )
    print(f"searched {services.settings.home}: no token of an earlier key is left")
