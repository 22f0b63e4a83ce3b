"""Before anything starts: what pip cannot install. Prometheus comes from the system's packages."""

import os
import shutil
import subprocess
import sys

from include.errors import MoebiusError, SettingsError
from include.settings import inherited_environment, load_settings

INSTALLERS = {
    "apt-get": "apt-get install -y --no-install-recommends prometheus",
    "dnf": "dnf install -y prometheus",
    "apk": "apk add prometheus",
}


def ensure_prometheus() -> str:
    """Path of the Prometheus executable, installing it when it is missing and may be.

    Raises
    ------
    SettingsError
        it is missing and cannot be installed here; says what to type.
    """
    binary = load_settings().prometheus_binary
    if found := shutil.which(binary):
        return found
    manager = next((name for name in INSTALLERS if shutil.which(name)), None)
    way = f"`sudo {INSTALLERS[manager]}`" if manager else "your system's package manager"
    advice = f"{binary!r} is not on PATH: install Prometheus with {way}, or set MOEBIUS_PROMETHEUS_BINARY"
    if manager != "apt-get" or os.geteuid() != 0:
        raise SettingsError(advice)
    print("installing Prometheus from the system's packages", flush=True)
    environment = {**inherited_environment(), "DEBIAN_FRONTEND": "noninteractive"}
    for command in ("apt-get update -q", INSTALLERS["apt-get"]):
        done = subprocess.run(command.split(), env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SettingsError(f"`{command}` failed: {done.stderr.strip()[-500:]}. {advice}")
    if shutil.which("systemctl"):  # the package starts a server of its own on our port
        subprocess.run(["systemctl", "disable", "--now", "prometheus"], capture_output=True, check=False)
    if not (found := shutil.which(binary)):
        raise SettingsError(advice)
    return found


if __name__ == "__main__":
    try:
        ensure_prometheus()
    except MoebiusError as error:
        sys.exit(f"{type(error).__name__}: {error}")
