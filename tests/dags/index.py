"""The index of all DAG families, ``docs/dags.md``. ``python -m tests.dags.index`` rewrites it."""

import re
from pathlib import Path
from typing import Any

from include.demo import DEFAULT_USECASE
from include.orchestration.timetable import PeriodTimetable
from tests.dags.snapshot import load_dags, schedule_of

INDEX = Path(__file__).resolve().parents[2] / "docs" / "dags.md"
HEAD = """# The DAGs

`python -m tests.dags.index` writes this page from the DAGs; a test compares both. There is one DAG per family and use
case, called `<use case>.<family>`. Its *Dag Docs* are the runbook; it can be started by hand. *Starts on* and *ends
in* name assets. A family that a use case does not need does not exist for it.

| family | schedule | starts on | ends in | what it does |
|---|---|---|---|---|
"""


def index() -> str:
    """The page, as Markdown: a family's DAG of the default use case, or of the first that has one."""
    families: dict[str, Any] = {}
    for dag_id, dag in sorted(load_dags().items(), key=lambda item: not item[0].startswith(f"{DEFAULT_USECASE}.")):
        families.setdefault(dag_id.split(".")[1], dag)
    return HEAD + "".join(_row(family, dag) for family, dag in sorted(families.items()))


def _row(family: str, dag: Any) -> str:
    starts, ends = schedule_of(dag)["assets"], sorted(o.name for task in dag.tasks for o in task.outlets)
    cells = [
        f"[{family}](../dags/{family}.py)",
        _when(dag, bool(starts)),
        _assets(starts),
        _assets(ends),
        _purpose(dag),
    ]
    return f"| {' | '.join(cells)} |\n"


def _when(dag: Any, on_assets: bool) -> str:
    own = dag.schedule.summary.split(" (")[0] if isinstance(dag.schedule, PeriodTimetable) else None
    cron = own or getattr(dag.schedule, "expression", dag.schedule if isinstance(dag.schedule, str) else None)
    return f"`{cron}`" if cron else "on an asset" if on_assets else "by hand"


def _assets(names: list[str]) -> str:
    return ", ".join(f"`{name.split('.')[-1]}`" for name in names)


def _purpose(dag: Any) -> str:
    """The first sentence of the runbook."""
    text = " ".join(dag.doc_md.split("\n\n")[1].split())
    return re.split(r"(?<=[a-z0-9)`*])\. ", text)[0].rstrip(".") + "."


if __name__ == "__main__":
    INDEX.write_text(index())
