"""What each fault costs: each process of the platform killed and stopped under load, disks filled, files damaged.

The table goes to ``var/bench/chaos.md``; ``docs/reliability.md`` shows it. ``CHAOS=reduced`` leaves MLflow and Airflow
out.
"""

import os
from typing import Any

from include.formats.atomic_file import write_atomically
from include.settings import load_settings
from tests.chaos import damage, report
from tests.chaos.catalogue import AROUND, OTHERS, SERVING, TOGETHER, WHOLE
from tests.chaos.damage import Damaged
from tests.chaos.doors import GATEWAY, SERVER
from tests.chaos.drill import Finding
from tests.chaos.play import Played, play


def bench() -> list[dict[str, Any]]:
    whole = os.environ.get("CHAOS") != "reduced"
    waves = WHOLE if whole else (*SERVING, *OTHERS, *TOGETHER, *AROUND)
    file = load_settings().home / "bench" / "chaos.md"

    def keep(findings: list[Finding], damaged: list[Damaged]) -> None:
        """What there is so far: the play takes long."""
        write_atomically(file, f"{report.table(findings)}\n{report.damage_table(damaged)}")

    played = play(waves, lambda line: print(line, flush=True), whole=whole, kinds=damage.KINDS, keep=keep)
    write_atomically(file, report.page(played))
    return _results(played)


def _results(played: Played) -> list[dict[str, Any]]:
    samples = [*report.as_json(played.findings), *map(damage.rows, played.damaged)]
    slowest = max(one.recovered or played.patience for one in played.findings)
    failing = {f"{door}_failing": max(one.cost[door].failing for one in played.findings) for door in (SERVER, GATEWAY)}
    what = "the longest time until all was well again after a process was killed or stopped, of all faults"
    return [
        {"name": "chaos", "what": what, "ours": slowest, "against": failing, "unit": "s", "n": len(samples),
         "samples": samples}
    ]  # fmt: skip
