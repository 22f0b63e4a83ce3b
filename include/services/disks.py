"""The file systems that hold state, and the error of one that is full in words that name it."""

import errno
import getpass
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from include.errors import DiskFullError, SettingsError
from include.formats.disk_space import DiskSpace, chain, file_systems, full, space_of, suspicious
from include.settings import Settings

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the model server's processes exchange tensors there
UNUSABLE = frozenset({errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.ENOENT})


def disks(settings: Settings) -> list[DiskSpace]:
    """Those of the state root and of every room of it, of the exchange, of temporary files and of shared memory."""
    return file_systems(_directories(settings))


def _directories(settings: Settings) -> Iterator[tuple[str, Path]]:
    home = settings.home
    yield "state", home
    for room in sorted(home.iterdir()) if home.is_dir() else ():  # a room may be mounted, or a link elsewhere
        yield room.name, room
    for partition in psutil.disk_partitions(all=True):
        if (mount := Path(partition.mountpoint)).is_relative_to(home) and mount != home:
            yield str(mount.relative_to(home)), mount
    yield "exchange", settings.exchange
    yield "temporary files", Path(tempfile.gettempdir())
    yield "shared memory", SHARED_MEMORY


@contextmanager
def naming_full_disks(settings: Settings) -> Iterator[None]:
    """Raises DiskFullError, with disk, path and free space, in place of whatever a full disk raised."""
    try:
        yield
    except DiskFullError:
        raise
    except Exception as error:
        if fault := disk_full(settings, error):
            raise fault from error
        raise


def disk_full(settings: Settings, error: Exception) -> DiskFullError | None:
    """What to raise in place of an error, if a full disk is behind it or behind one of its causes."""
    fault = full(error)
    if fault is None and suspicious(error) and any(disk.scarce for disk in disks(settings)):
        fault = OSError(errno.ENOSPC, str(error))
    return DiskFullError(_words(settings, fault)) if fault else None


def unusable_place(settings: Settings, error: Exception) -> SettingsError | None:
    """What to raise in place of an error, if a place of state is behind it that is no directory, or closed to us."""
    fault = next((one for one in chain(error) if isinstance(one, OSError) and one.errno in UNUSABLE), None)
    if fault is None or not isinstance(fault.filename, str):
        return None
    for name in ("home", "exchange", "audit_checkpoints"):
        place: Path = getattr(settings, name)
        if Path(fault.filename).is_relative_to(place) and not (fault.errno == errno.ENOENT and place.is_dir()):
            return SettingsError(
                f"MOEBIUS_{name.upper()}={str(place)!r} cannot be used: {fault.filename}: {fault.strerror}. It must be "
                f"a directory, all of which {getpass.getuser()} may read and write"
            )
    return None


def _words(settings: Settings, fault: OSError) -> str:
    path = fault.filename if isinstance(fault.filename, str) else ""
    where = [space_of(Path(path))] if path else [disk for disk in disks(settings) if disk.scarce]
    spaces = "; ".join(map(str, where)) or "; ".join(map(str, disks(settings)))
    what = f"{path or settings.home}: {fault.strerror or fault}"
    return f"the disk is full: {what}. {spaces}. Free space or inodes there, then run this again: nothing half is kept"
