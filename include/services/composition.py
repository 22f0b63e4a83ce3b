"""Composition root: settings → adapters, places, records and what serves."""

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from include.errors import SettingsError
from include.services.adapters import Adapters
from include.services.places import Places
from include.services.records import Records
from include.services.serving import Serving
from include.settings import Settings, load_settings, resolve
from include.specification.loader import load_usecase, usecase_names

if TYPE_CHECKING:  # imported on first use: DAG files are parsed often
    from include.contracts.pseudonyms import KeyRing
    from include.governance.access import Access


class Services:
    """Everything that a step of the loop works with, in one process."""

    def __init__(
        self,
        settings: Settings,
        resolve: Callable[[str], str] = resolve,
        vault: Callable[[str], str] = lambda name: "",
        adapters: Adapters | None = None,
    ) -> None:
        """``vault`` gives a secret by name when neither the environment nor the state root has it."""
        self.settings, self.vault = settings, vault
        self.adapters = adapters or Adapters(settings, resolve)
        self.places = Places(settings)
        self.records = Records(self.adapters)
        self.serving = Serving(self.adapters, self.places)

    @cached_property
    def access(self) -> "Access":
        """Which role may read what; raises AccessError when a setting names a table that is not known."""
        from include.governance.access import Access

        access = Access(roles=self.settings.access, tables=self.settings.table_access)
        access.check(load_usecase(name) for name in usecase_names())
        return access

    def secret(self, name: str) -> str:
        """``pseudonym_keys``, ``hand_over_keys`` or ``private_key``; '' when no place has it."""
        return self.settings.secrets().get(f"MOEBIUS_{name.upper()}") or self.vault(name)

    @cached_property
    def pseudonym_keys(self) -> "KeyRing | None":
        """The keys of pseudonyms; None when there are none. Raises SettingsError, which shows no secret."""
        from include.contracts.pseudonyms import KeyRing

        text = self.secret("pseudonym_keys")
        try:
            return KeyRing.parse(text) if text else None
        except ValueError as error:
            raise SettingsError(f"MOEBIUS_PSEUDONYM_KEYS cannot be used: {error}") from None


@lru_cache
def services(resolve: Callable[[str], str] = resolve, vault: Callable[[str], str] = lambda name: "") -> Services:
    """The services of this process; the arguments are those of ``Services``."""
    return Services(load_settings(), resolve, vault)
