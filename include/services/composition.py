"""Composition root: settings → adapters, places, records and what serves."""

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from include.process_environment import resolve
from include.services.acts import Acts
from include.services.adapters import Adapters
from include.services.answers import Answers
from include.services.approvals import Approvals
from include.services.audit import Audit
from include.services.controls import ControlState
from include.services.places import Places
from include.services.predictions import Predictions
from include.services.privacy import Privacy
from include.services.records import Records
from include.services.serving import Serving
from include.settings import Settings, load_settings
from include.specification.loader import specifications
from include.specification.usecase import UseCase

if TYPE_CHECKING:  # imported on first use: DAG files are parsed often
    from include.governance.access import Access
    from include.services.rewriting import Rewriting


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
        self.approvals = Approvals(self.adapters)
        self.serving = Serving(self.adapters, self.places, self.approvals)
        self.predictions = Predictions(self.adapters, self.records)
        self.answers = Answers(self.adapters, self.records)
        self.privacy = Privacy(self.secret, self.records)
        self.audit = Audit(self.adapters, self.answers)
        self.acts = Acts(self.adapters)
        self.controls = ControlState(self.adapters)

    @cached_property
    def access(self) -> "Access":
        """Which role may read what; raises AccessError when a setting names a table that is not known."""
        from include.governance.access import Access

        access = Access(roles=self.settings.access, tables=self.settings.table_access)
        specs = specifications()
        access.check(specs.good.values(), unknown=specs.faulty)
        return access

    def secret(self, name: str) -> str:
        """``pseudonym_keys``, ``hand_over_keys`` or ``private_key``; '' when no place has it."""
        return self.settings.secrets().get(f"MOEBIUS_{name.upper()}") or self.vault(name)

    def rewriting(self, spec: UseCase) -> "Rewriting":
        """To change every row that is stored of the use case."""
        from include.services.rewriting import Rewriting

        lake, snapshots = self.adapters.lake, self.records.snapshots(spec)
        return Rewriting(spec, lake, snapshots, self.settings.home, self.places.spool(spec))


@lru_cache
def services(resolve: Callable[[str], str] = resolve, vault: Callable[[str], str] = lambda name: "") -> Services:
    """The services of this process; the arguments are those of ``Services``."""
    return Services(load_settings(), resolve, vault)
