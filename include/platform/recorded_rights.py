"""Rights and keys of this state root, compared with those that were recorded last: what changed is in the audit log.

They are settings and files, which anybody may edit who owns the host; they come into use by ``make up`` and by the
gateway's configuration, and are recorded before.
"""

import json
from collections.abc import Mapping
from typing import Any

from include.gateway import clients
from include.platform import identity
from include.services.command_events import by_command
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import usecase_names

KEY = "platform/rights.json"


def record(settings: Settings) -> list[str]:
    """One event for each kind of right that changed; their actions.

    Raises ServiceError when the log takes none; then nothing that is new comes into use.
    """
    adapters = Services(settings).adapters
    with adapters.locks.hold("audit_rights"):
        known = json.loads(found.text) if (found := adapters.state.get(KEY)) else {}
        now = rights(settings)
        changed = {name: facts for name in now if (facts := difference(known.get(name, {}), now[name]))}
        adapters.audit.append([by_command("change", f"set_{name}", what=name, facts=f) for name, f in changed.items()])
        if changed:
            adapters.state.put(KEY, json.dumps(now, sort_keys=True), private=True)
    return [f"set_{name}" for name in changed]


def rights(settings: Settings) -> dict[str, dict[str, Any]]:
    """Kind of right → name → what is set for it; of a key its fingerprint alone."""
    described = clients.load(settings.gateway_clients, usecase_names())
    return {
        "logins": dict(settings.roles),
        "access": dict(settings.access.items()),
        "table_access": settings.table_access,
        "recipients": {name: one.model_dump(mode="json") for name, one in settings.recipients.items()},
        "gateway_clients": {name: _client(one.model_dump(mode="json")) for name, one in described.items()},
        "audit_days": dict(settings.retention_days.items()),
        "keys": identity.read(settings).keys,
    }


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """``added``, ``removed``, ``changed`` (from, to); {} when nothing is."""
    added = {name: after[name] for name in after if name not in before}
    removed = {name: before[name] for name in before if name not in after}
    changed = {n: [before[n], after[n]] for n in after if n in before and before[n] != after[n]}
    facts = {"added": added, "removed": removed, "changed": changed}
    return {what: names for what, names in facts.items() if names}


def _client(facts: dict[str, Any]) -> dict[str, Any]:
    """Lists in an order of their own: a set has none."""
    plain = {name: sorted(value) if isinstance(value, list) else value for name, value in facts.items()}
    return plain | {"key_sha256": str(plain.get("key_sha256") or "")[:16]}
