"""Environment of a fit: the revision of the code, the lock file, Python, the machine and the libraries that decide."""

import hashlib
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Threads that spin while they wait make a fit on busy cores several times slower; read when xgboost is loaded.
FIT_ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE"}
LIBRARIES = ("numpy", "pandas", "xgboost", "torch", "scikit-learn", "optuna")
ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "constraints.txt"


def environment(revision: str = "") -> dict[str, str]:
    """The facts by name; without ``revision`` (an image knows its own) git is asked for it."""
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest() if LOCK.is_file() else "unknown"
    facts = {"revision": revision or _described(), "lock": lock, "python": platform.python_version()}
    return {**facts, "machine": platform.machine(), **dict(zip(LIBRARIES, versions(), strict=True))}


def versions() -> list[str]:
    """The versions of ``LIBRARIES``; "absent" for what is not installed."""
    return [_version(name) for name in LIBRARIES]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _described() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40"]
    described = subprocess.run(command, capture_output=True, text=True, check=False)
    return described.stdout.strip() or "unknown"
