"""The program that supervisord runs for each service: waits beside the service until it ends, and has it started again.

The service is no child that must die with its parent: it runs in a session of its own, and a holder that finds it alive
adopts it. So a killed holder or supervisord costs nothing. Run as ``python -I -S holder.py <directory> <name> <life>
[<parent>]``: it knows the standard library only, imports little of it, and takes 5 MiB. ``directory`` is
``<home>/platform``; ``life``: seconds after which the service is killed when its file ``<directory>/<name>`` shows no
sign of life, 0: it has none; ``parent``: the supervisord before the starter, which has just started the service.

What it reads and writes is described in ``include/platform/supervisor.py`` and ``include/contracts/platform.py``.
"""

import fcntl
import json
import os
import select
import signal
import sys
import time

FIND_LOOKS = 5
QUICK_SECONDS = 10.0
"""What lived shorter ends this program too: supervisord's back-off comes before the next start."""
LOOK_SECONDS = 1.0
START_SECONDS, STOPPED_SECONDS = 90.0, 6.0
"""Until the first sign of life; without one, for a process that somebody stopped."""


class Holder:
    """Of one service."""

    def __init__(self, directory: str, name: str, life: float, parent: int) -> None:
        self.directory, self.name, self.life, self.started = directory, name, life, bool(parent)
        self.parent, self.idle = parent or os.getppid(), 0

    def hold(self) -> None:
        """Until supervisord is gone, or the service has died; then the starter takes the place of this program."""
        while True:
            if identity := self.living():
                self.wait(identity)
            elif not self.wanted():
                self.leave_without_parent()
                self.idle += 1
                if self.idle % FIND_LOOKS or not self.found():
                    time.sleep(LOOK_SECONDS)
            elif not self.identity() and self.found():
                continue
            elif self.noted(exit_status(self.identity().get("pid", 0))):
                if self.started:  # it died before this program could look
                    self.rest()
                self.become_starter()
            self.started = False

    # -- what the files say
    def file(self, kind: str) -> str:
        return f"{self.directory}/run/{self.name}.{kind}"

    def wanted(self) -> bool:
        """Whether it was started and not stopped since."""
        if os.path.exists(self.file("stopped")):
            return False
        return os.path.exists(self.file("json")) or os.path.exists(self.file("died"))

    def identity(self) -> dict:
        try:
            with open(self.file("json")) as file:
                known = json.load(file)
            return known if {"pid", "ticks", "boot"} <= known.keys() else {}
        except (OSError, ValueError, AttributeError):
            return {}

    def living(self) -> dict:
        known = self.identity()
        return known if known and known["boot"] == boot() and runs(known) else {}

    # -- beside the living
    def wait(self, identity: dict) -> None:
        """Returns when another process has taken its place, or it has died and that was noted."""
        sign = Sign(f"{self.directory}/{self.name}", self.life)
        status = None
        with End(identity["pid"]) as end:
            while runs(identity):
                self.leave_without_parent()
                self.restore(identity)
                if sign.missing(stat(identity["pid"])[:1] == ["T"]):
                    self.kill(identity, f"no sign of life for {sign.silent:.0f} s")
                end.wait(LOOK_SECONDS)
            status = exit_status(identity["pid"])
        lived = uptime() - identity["ticks"] / os.sysconf("SC_CLK_TCK")
        if self.noted(status) and lived < QUICK_SECONDS:
            self.rest()

    def rest(self) -> None:
        """Nobody but this program itself rests for supervisord."""
        if self.name != "supervisord":
            sys.exit(1)
        time.sleep(QUICK_SECONDS / 2)

    def restore(self, identity: dict) -> None:
        """A pid file that somebody removed, or a disk damaged, while the process lives."""
        if self.identity() or os.path.exists(self.file("stopped")):
            return
        with self.alone():
            if self.identity() or os.path.exists(self.file("stopped")) or not runs(identity):
                return
            self.write(identity)

    def write(self, identity: dict) -> None:
        try:
            with open(f"{self.file('json')}.aside", "w", opener=private) as aside:
                json.dump(identity, aside)
            os.replace(f"{self.file('json')}.aside", self.file("json"))
        except OSError:
            return

    def found(self) -> bool:
        """Whether a process runs whose pid file was lost before this program knew it: by the log that it writes."""
        if os.path.exists(self.file("stopped")) or os.path.exists(self.file("died")):
            return False
        with self.alone():
            log = os.path.realpath(f"{self.directory}/log/{self.name}.log")
            fields = {pid: stat(pid) for pid in pids() if output(pid) == log}
            leaders = {pid: int(known[19]) for pid, known in fields.items() if known[3:4] == [str(pid)]}
            if not leaders or self.identity():
                return False
            oldest = min(leaders, key=lambda pid: leaders[pid])
            self.write({"pid": oldest, "ticks": leaders[oldest], "boot": boot(), "settings": {}})
            return bool(self.identity())

    def kill(self, identity: dict, reason: str) -> None:
        """Its whole session: it hangs."""
        with self.alone():
            if self.identity().get("pid") != identity["pid"]:
                return
            self.append("hung", reason)
            for pid in session(identity["pid"]):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            os.replace(self.file("json"), self.file("died"))

    # -- after a death
    def noted(self, status: "int | None") -> bool:
        """Whether it died and is to be started again. Who stops it holds the lock until that is marked."""
        with self.alone():
            if self.living() or not self.wanted():
                return False
            if os.path.exists(self.file("json")):
                self.append("died", self.reason(status))
                os.replace(self.file("json"), self.file("died"))
            return True

    def reason(self, status: "int | None") -> str:
        known = self.identity()
        if known and known["boot"] != boot():
            return "the machine was started anew"
        how = "it is gone" if status is None else described(status)
        last = last_line(f"{self.directory}/log/{self.name}.log")
        return f"{how}; its log ends with: {last}" if last else how

    def append(self, what: str, reason: str) -> None:
        """One event; a full disk stops nobody."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        line = {"service": self.name, "at": at, "what": what, "reason": reason, "times": 1}
        try:
            with open(f"{self.directory}/events.jsonl", "ab", 0, opener=private) as events:
                events.write(b"\n" + json.dumps(line).encode())
        except OSError:
            return

    def become_starter(self) -> None:
        """It computes the service as it is to be started now, starts it, and becomes this program again."""
        arguments = [self.directory, self.name, str(self.life), str(self.parent)]
        self.leave_without_parent()
        os.execv(sys.executable, [sys.executable, "-m", "include.platform.starter", *arguments])  # noqa: S606

    def leave_without_parent(self) -> None:
        """A new supervisord has holders of its own. Only the holder of supervisord itself stays, and starts it."""
        if os.getppid() != self.parent and self.name != "supervisord":
            sys.exit(0)

    def alone(self) -> "Lock":
        return Lock(self.file("lock"))


class Lock:
    """While others start or stop the service, wait."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)


class End:
    """Of a process: awaited by its descriptor, or looked for where the kernel has none."""

    def __init__(self, pid: int) -> None:
        try:
            self.descriptor = os.pidfd_open(pid)
        except OSError:
            self.descriptor = -1

    def __enter__(self) -> "End":
        return self

    def wait(self, seconds: float) -> None:
        if self.descriptor < 0:
            time.sleep(min(seconds, 0.2))
            return
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        poll.poll(seconds * 1000)

    def __exit__(self, *_: object) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)


class Sign:
    """Of life: a file that is touched. Silence is counted in looks, so that a starved machine is not blamed on it."""

    def __init__(self, path: str, life: float) -> None:
        self.path, self.life, self.seen, self.silent = path, life, 0, 0.0
        self.looked = time.monotonic()

    def missing(self, stopped: bool) -> bool:
        """``stopped``: by somebody (SIGSTOP)."""
        now = time.monotonic()
        passed, self.looked = min(now - self.looked, 2 * LOOK_SECONDS), now
        try:
            touched = os.stat(self.path).st_mtime_ns
        except OSError:
            touched = 0
        self.silent = self.silent + passed if touched == self.seen else 0.0
        self.seen = touched
        allowed = STOPPED_SECONDS if stopped else self.life if touched else START_SECONDS
        return bool(self.life) and self.silent > allowed


def stat(pid: "int | str") -> "list[str]":
    """Fields of a process after its name; empty when there is none."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []


def runs(identity: dict) -> bool:
    fields = stat(identity["pid"])
    return bool(fields) and fields[0] not in "ZX" and int(fields[19]) == identity["ticks"]


def pids() -> "list[int]":
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def output(pid: int) -> str:
    """The file that it writes to."""
    try:
        return os.readlink(f"/proc/{pid}/fd/1")
    except OSError:
        return ""


def session(leader: int) -> "list[int]":
    """Of this leader, and the leader first."""
    return [leader, *(pid for pid in pids() if pid != leader and (stat(pid) or [""] * 4)[3] == str(leader))]


def boot() -> str:
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def uptime() -> float:
    """Seconds since the boot, those of sleep too, as the ticks of processes count."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def exit_status(pid: int) -> "int | None":
    """None: it was no child of this program, and only its parent learns that."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG) if pid else (0, 0)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if ended else None


def described(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def last_line(log: str) -> str:
    """At most 200 characters."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 8192))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1][:200] if lines else ""


def private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


if __name__ == "__main__":
    try:
        Holder(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]) if sys.argv[4:] else 0).hold()
    except KeyboardInterrupt:
        sys.exit(0)
