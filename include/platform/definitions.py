"""Registers the feature definitions of all use cases; what is registered already costs a look at the files."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from include.errors import SpecError
from include.formats.atomic_file import write_atomically
from include.formats.file_proof import sha256
from include.settings import ROOT, Settings

FILES = ("feature_repo/**/*.py", "include/usecases/**/*.py", "include/usecases/**/*.yaml")


def register(settings: Settings, say: Callable[[str], None]) -> None:
    """Unless the same definitions are registered there; says which files cannot be used, and goes on without them."""
    mark, now = settings.home / "platform" / "definitions", _digest(settings)
    if _is_there(settings) and mark.is_file() and mark.read_text() == now:
        return
    from include.services.composition import Services  # with Feast, which takes seconds to import

    try:
        Services(settings).adapters.feature_store.apply()
    except SpecError as error:  # of some use cases: the others go up
        say(str(error))
    else:
        write_atomically(mark, now)


def _is_there(settings: Settings) -> bool:
    """Whether the files exist that a registration makes."""
    online = [settings.feature_store / "online.db"] if settings.online_store == "sqlite" else []
    return all(file.is_file() for file in (settings.feature_store / "registry.db", *online))


def _digest(settings: Settings, root: Path = ROOT) -> str:
    facts = [settings.feature_project, settings.online_store_url]
    for pattern in FILES:
        for file in sorted(root.glob(pattern)):
            facts += [str(file), sha256(file)]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()
