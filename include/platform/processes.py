"""Processes of this machine as the kernel tells them: identity, family, marks. A process that ends meanwhile is none.

An identity is the pid with the ticks of the boot at which the process began: no step of the wall clock changes it.
"""

import os
import signal
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

import psutil

MARK, MARK_PID = "MOEBIUS_SERVICE", "MOEBIUS_SERVICE_PID"
"""In the environment of a service: which one it is, and the pid of its leader. Children inherit both."""
LEADER = ["/bin/sh", "-c", f'{MARK_PID}=$$ exec "$@"', "sh"]
"""In front of the arguments of a service: the leader's own pid, known before it begins."""
ROUNDS = 3
_START_TICKS = 19  # field 22 of stat, counted after the name


def ticks(pid: int) -> int | None:
    """When the process began, in ticks since the boot; None when there is none."""
    stat = _stat(pid)
    return int(stat[_START_TICKS]) if stat else None


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def stopped(process: psutil.Process) -> bool:
    """Whether somebody stopped it (SIGSTOP)."""
    try:
        return bool(process.status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False


def leader(mark: str, log: Path) -> psutil.Process | None:
    """The leader of the service whose pid file is lost: by its mark, else the oldest that writes its log.

    Redis and Airflow write their title over their environment: there only the log tells.
    """
    leaders = [p for p in psutil.process_iter() if session(p.pid) == p.pid and alive(p)]
    for process in leaders:
        environment = _environment(process)
        if environment.get(MARK) == mark and environment.get(MARK_PID) == str(process.pid):
            return process
    writers = [process for process in leaders if writes(process.pid, log)]
    return min(writers, key=lambda one: ticks(one.pid) or 0, default=None)


def _environment(process: psutil.Process) -> Mapping[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def writes(pid: int, log: Path) -> bool:
    """Whether its standard output is this file; what a process starts inherits that."""
    try:
        return str(Path(f"/proc/{pid}/fd/1").readlink()).removesuffix(" (deleted)") == str(log)
    except OSError:
        return False


def family(pid: int, log: Path, other_leaders: Collection[int]) -> list[psutil.Process]:
    """Everything in the session of this leader, what writes its log, and all below: also when the leader is gone.

    Not another service, which this one may have started, and not what is below that.
    """
    everyone = {process.pid: process for process in psutil.process_iter()}
    below = _children_of(everyone.values())
    waiting = [one for one in everyone if one == pid or session(one) == pid or writes(one, log)]
    members: set[int] = set()
    while waiting:
        one = waiting.pop()
        if one not in members and one not in other_leaders and session(one) not in other_leaders:
            members.add(one)
            waiting += below[one]
    return [everyone[one] for one in sorted(members)]


def _children_of(processes: Iterable[psutil.Process]) -> Mapping[int, list[int]]:
    below: dict[int, list[int]] = defaultdict(list)
    for process in processes:
        if stat := _stat(process.pid):
            below[int(stat[1])].append(process.pid)
    return below


def orphans_at_rest(members: Collection[psutil.Process]) -> list[psutil.Process]:
    """Members without a parent and without a child among the members: workers that lost their leader and do nothing."""
    pids = {member.pid for member in members}
    parents = {member.pid: int(stat[1]) for member in members if (stat := _stat(member.pid))}
    at_work = set(parents.values())
    return [m for m in members if parents.get(m.pid) not in pids and m.pid not in at_work]


def send(processes: Iterable[psutil.Process], number: int) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def kill(processes: Collection[psutil.Process], seconds: float) -> None:
    """SIGKILL, and wait until they are gone."""
    send(processes, signal.SIGKILL)
    psutil.wait_procs(processes, timeout=seconds)


def kill_all(listed: Callable[[], Collection[psutil.Process]], seconds: float) -> None:
    """SIGKILL to what is listed, and to what is listed then: a process may begin others before it ends."""
    for _ in range(ROUNDS):
        if not (living := [one for one in listed() if alive(one)]):
            return
        kill(living, seconds)


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    return sum(_cpu(process) for process in processes)


def _cpu(process: psutil.Process) -> float:
    try:
        used = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(used.user + used.system)


def memory(processes: Iterable[psutil.Process]) -> int:
    """Bytes (proportional set size)."""
    return sum(_pss(process) for process in processes)


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def holders_of(port: int) -> Iterator[psutil.Process]:
    """Who listens on the port, as far as it can be seen."""
    for connection in psutil.net_connections("tcp"):
        local, listens = connection.laddr, connection.status == psutil.CONN_LISTEN
        if local and local.port == port and listens and connection.pid:
            yield psutil.Process(connection.pid)
