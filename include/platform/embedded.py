"""The embedded platform: the declared services as processes of one machine."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from rich.table import Table

from include.adapters import redis_server
from include.adapters.experiment_server.logins import passwords_file, people
from include.errors import NotFoundError
from include.platform import databases, definitions, identity, recorded_rights, secrets, state, status, supervisord
from include.platform.doctor import Doctor
from include.platform.patience import Patience
from include.platform.servers import service
from include.platform.supervisor import Service, Supervisor
from include.platform.topology import TOPOLOGY, Declaration, instances, instances_of
from include.process_environment import inherited_environment
from include.settings import Settings

SUPERVISION = ("keeper", supervisord.NAME)
"""Stopped before everything else: what is stopped is not to be healed."""


class Wanted(NamedTuple):
    """A service of the platform as it is to be started."""

    declared: Declaration
    service: Service


class Platform:
    """What ``topology`` declares, on one machine. ``up`` is idempotent: what runs already is left alone."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.supervisor = Supervisor(settings.home / "platform", settings.host)

    def up(self, say: Callable[[str], None]) -> None:
        """Start everything; what comes after something waits for it, and the rest starts together.

        Raises
        ------
        SettingsError
            a port is taken (nothing was started then), the state root is of another environment or version, or a key
            is not the one that it was made with.
        DamagedStateError
            a database, or a file that everything hangs on, is damaged or gone.
        ServiceError
            a service does not start; see its log.
        """
        self._prove_state(say)
        if self.settings.redis_url:
            redis_server.claim(self.settings)
        wanted = [Wanted(instance.declared, service(instance)) for instance in instances(self.settings)]
        self._renew_supervision(say)
        for each in wanted:
            self.supervisor.require_ports(each.service)
        for action in recorded_rights.record(self.settings):
            say(f"the audit log has a change of rights: {action}")
        for line in self._missing_variables():
            say(line)
        needed = self._needed(wanted, say)
        runs = len(needed) < len(wanted)
        if not runs:
            definitions.register(self.settings, say)
        self._start(needed, say)
        if runs:  # what is missing comes first
            definitions.register(self.settings, say)
        databases.note(self.settings)

    def _renew_supervision(self, say: Callable[[str], None]) -> None:
        """supervisord starts what dies with the services and settings of now; no service notices its end."""
        (declared,) = instances_of(supervisord.NAME, self.settings)
        if self.supervisor.process(declared.name) is None:
            return
        if self.supervisor.changed(service(declared)) or not supervisord.is_configured(self.settings):
            say("supervisord is started again, with the services and settings of now")
            self.supervisor.stop(declared.name)

    def _prove_state(self, say: Callable[[str], None]) -> None:
        """Nothing starts on damaged state: what has no good copy is an error, what has one is said."""
        state.claim(self.settings)
        identity.require_keys(self.settings)
        state.make_keys(self.settings)
        identity.require_keys(self.settings)
        doctor = Doctor(self.settings)
        for path in doctor.repair_files():
            say(f"{path} was damaged; its last good copy is put back, and the damaged file is beside it")
        if adopted := doctor.adopt():
            say(f"{adopted} small files of an earlier release have a checksum and a copy now")
        running = (i.name for i in instances(self.settings) if self.supervisor.process(i.name))
        databases.require(self.settings, frozenset(running))
        for finding in doctor.findings():
            say(f"{finding.path}: {finding.fault}; see `moebius doctor`")

    def _needed(self, wanted: list[Wanted], say: Callable[[str], None]) -> list[Wanted]:
        """What does not run; of what only prepares others, what somebody waits for."""
        needed = [each for each in wanted if self.supervisor.process(each.service.name) is None]
        running = [each.service for each in wanted if each not in needed]
        for each in running:
            say(f"{each.name} runs already")
        if changed := {each.name: self.supervisor.changed(each) for each in running if self.supervisor.changed(each)}:
            what = sorted({name for names in changed.values() for name in names})
            say(
                f"{', '.join(what)} changed since {', '.join(changed)} started: "
                "`make down`, then `make up`, puts the new value into use"
            )
        awaited = {name for each in needed if not each.declared.ends for name in each.declared.after}
        done = {name for each in wanted if each not in needed for name in each.declared.after}
        return [each for each in needed if not each.declared.ends or each.declared.name in awaited - done]

    def _missing_variables(self) -> list[str]:
        """One line for each variable that a source needs and that is not set; the platform starts without it."""
        there = inherited_environment()
        return [
            f"{name} is not set, and a source of {', '.join(sorted(set(usecases)))} needs it: its data pipeline will "
            "fail. Set it in the environment of `make up`, then `make down` and `make up`"
            for name, usecases in secrets.source_variables().items()
            if name not in there
        ]

    def _start(self, wanted: list[Wanted], say: Callable[[str], None]) -> None:
        waiting, starting = list(wanted), list[tuple[Wanted, Patience]]()
        while waiting or starting:
            unready = {each.declared.name for each in (*waiting, *(started for started, _ in starting))}
            for each in [each for each in waiting if not unready & set(each.declared.after)]:
                say(f"starting {each.service.name} ({each.service.address})")
                self.supervisor.launch(each.service)
                starting.append((each, self.supervisor.patience(each.service)))
                waiting.remove(each)
            starting = [(each, patience) for each, patience in starting if not self._arrived(each, patience, say)]
            time.sleep(0.1)

    def _arrived(self, each: Wanted, patience: Patience, say: Callable[[str], None]) -> bool:
        if self.supervisor.arrived(each.service, patience):
            return True
        if line := patience.report():
            say(f"{each.service.name}: {line}")
        return False

    def down(self, *names: str) -> list[str]:
        """Stop everything that ``up`` started, or only these, last first; the names of what ran.

        Raises NotFoundError when a name is not a service's.
        """
        known = [instance.name for declared in TOPOLOGY for instance in instances_of(declared, self.settings)]
        if unknown := set(names) - set(known):
            raise NotFoundError(f"no service {sorted(unknown)}; there are {known}")
        first = [name for name in SUPERVISION if not names and self.supervisor.stop(name)]
        stopped: list[str] = []
        with ThreadPoolExecutor() as pool:
            for wave in reversed(list(self._waves())):
                asked = [name for name in wave if name in names or not names]
                stops = zip(asked, pool.map(self.supervisor.stop, asked), strict=True)
                stopped += [name for name, ran in stops if ran]
        return [*first, *stopped]

    def _waves(self) -> Iterator[list[str]]:
        """All names, those first that need nothing, then those that need only them, and so on."""
        left = list(TOPOLOGY)
        while left:
            names = {declared.name for declared in left}
            wave = [declared for declared in left if not names & set(declared.after)]
            yield [instance.name for declared in wave for instance in instances_of(declared, self.settings)]
            left = [declared for declared in left if declared not in wave]

    def memory(self) -> dict[str, int]:
        """Bytes per service."""
        return {i.name: self.supervisor.memory(i.name) for i in instances(self.settings) if not i.declared.ends}

    def table(self) -> Table:
        return status.table(self.settings, self.supervisor)

    def last_deaths(self) -> list[str]:
        """What died last and what came of it, a line each."""
        return status.last_deaths(self.supervisor)

    def logins(self) -> str:
        """Where a person finds the logins; only the owner reads these files."""
        home, (user, _) = self.settings, secrets.mlflow_login(self.settings)
        return (
            f"Airflow's logins: {status.near(home.airflow_home / 'passwords.json')}\n"
            f"MLflow's login {user}: password in {status.near(home.home / secrets.MADE['mlflow_admin'][1])}\n"
            f"MLflow's logins {', '.join(people(home)) or 'of others: none'}: {status.near(passwords_file(home))}"
        )
