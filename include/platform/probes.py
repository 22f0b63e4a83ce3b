"""Which services answer now, as their declarations in the topology say."""

from datetime import UTC, datetime

from include.governance.standard.states import Answer
from include.platform.servers import healthy
from include.platform.topology import TOPOLOGY, instances
from include.settings import Settings

SERVICES = frozenset(declared.name for declared in TOPOLOGY if not declared.ends)


def service(settings: Settings, name: str) -> Answer:
    """Whether every instance of the service is ready; without one it does not belong to this platform."""
    own = [one for one in instances(settings) if one.declared.name == name]
    if not own:
        return Answer("none", "not_set_up", datetime.now(UTC), {"service": name})
    ready = [one for one in own if healthy(one)]
    if len(own) == len(ready):
        return Answer("healthy", "answers", datetime.now(UTC), {"service": name, "address": own[0].address})
    silent = next(one for one in own if one not in ready)
    facts = {"service": silent.name, "address": silent.address}
    return Answer("degraded" if ready else "down", "silent", datetime.now(UTC), facts)
