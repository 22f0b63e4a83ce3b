"""Programs that pip cannot install: Prometheus and Redis, and HAProxy if the gateway has a client."""

import os
import shutil
import subprocess

from include.adapters.haproxy import ADMIN_PATHS
from include.errors import SettingsError
from include.gateway import clients
from include.process_environment import inherited_environment
from include.settings import Settings

INSTALLERS = {"apt-get": "apt-get install -y --no-install-recommends", "dnf": "dnf install -y", "apk": "apk add"}
PACKAGES = {"prometheus_binary": "prometheus", "redis_binary": "redis-server"}
GATEWAY_PACKAGES = {"haproxy_binary": "haproxy"}
OTHER_NAMES = {"dnf": {"redis-server": "redis"}, "apk": {"redis-server": "redis"}}


def ensure(settings: Settings) -> None:
    """Install every server program that is missing, when that may be done here.

    Raises SettingsError, which says what to type, when one is missing and cannot be installed here.
    """
    needed = PACKAGES | (GATEWAY_PACKAGES if clients.present(settings.gateway_clients) else {})
    missing = {s: p for s, p in needed.items() if not _found(settings, s)}
    if not missing:
        return
    packages, advice = list(missing.values()), _advice(missing)
    if not shutil.which("apt-get") or os.geteuid() != 0:
        raise SettingsError(advice)
    print(f"installing {' and '.join(packages)} from the system's packages", flush=True)
    environment = {**inherited_environment(), "DEBIAN_FRONTEND": "noninteractive"}
    for command in ("apt-get update -q", f"{INSTALLERS['apt-get']} {' '.join(packages)}"):
        done = subprocess.run(command.split(), env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SettingsError(f"`{command}` failed: {done.stderr.strip()[-500:]}. {advice}")
    if shutil.which("systemctl"):  # the packages start servers of their own on our ports
        subprocess.run(["systemctl", "disable", "--now", *packages], capture_output=True, check=False)
    if still := [s for s in missing if not _found(settings, s)]:
        raise SettingsError(f"{still} are not on PATH after the installation. {advice}")


def _found(settings: Settings, setting: str) -> bool:
    program = getattr(settings, setting)
    return bool(shutil.which(program) or shutil.which(program, path=ADMIN_PATHS))


def _advice(missing: dict[str, str]) -> str:
    manager = next((name for name in INSTALLERS if shutil.which(name)), None)
    names = " ".join(OTHER_NAMES.get(manager or "", {}).get(p, p) for p in missing.values())
    way = f"`sudo {INSTALLERS[manager]} {names}`" if manager else f"your system's package manager ({names})"
    variables = ", ".join(f"MOEBIUS_{s.upper()}" for s in missing)
    return f"{', '.join(missing.values())} not found on PATH: install with {way}, or say where with {variables}"
