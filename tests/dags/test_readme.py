"""README's table of assets is what the DAGs do."""

import json
import re
from collections import defaultdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from include.settings import ROOT

ROW = re.compile(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)


def recorded() -> dict[str, tuple[set[str], set[str]]]:
    """Asset → the DAG families that make it, and those that it starts."""
    families = json.loads(Path(__file__).with_name("graph.json").read_text())
    makes, starts = defaultdict(set), defaultdict(set)
    for family, graphs in families.items():
        for graph in graphs:
            for asset in graph["ends_in"]:
                makes[asset.rpartition(".")[2]].add(family)
            for asset in graph["starts_on"]["assets"]:
                starts[asset.rpartition(".")[2]].add(family)
    return {asset: (makes[asset], starts[asset]) for asset in {*makes, *starts}}


def test_readme_says_of_every_asset_who_makes_it_and_what_it_starts() -> None:
    section = (ROOT / "README.md").read_text().split("## The loop")[1].split("\n## ")[0]
    told = {row[0]: tuple(set(re.findall(r"`(\w+)`", cell)) for cell in row[1:]) for row in ROW.findall(section)}
    assert told == recorded()


def texts(name: str) -> dict[str, Any]:
    """Airflow's own English words for its user interface."""
    file = files("airflow") / "ui" / "dist" / "i18n" / "locales" / "en" / f"{name}.json"
    words: dict[str, Any] = json.loads(file.read_text())
    return words


def test_the_places_that_the_docs_name_are_in_airflows_user_interface() -> None:
    common, dag = texts("common"), texts("dag")
    browse, assets = common["nav"]["browse"], common["nav"]["assets"]
    actions, runbook = common["browse"]["requiredActions"], dag["header"]["buttons"]["dagDocs"]
    readme, operations = (ROOT / "README.md").read_text(), (ROOT / "docs" / "operations.md").read_text()
    assert f"*{browse} → {actions}*" in readme
    assert f"**{assets}**" in readme
    assert f"*{browse} → {actions}*" in operations
    assert f"*{runbook}*" in operations
    told = [path.name for path in (ROOT / "dags").glob("*.py") if actions in path.read_text()]
    assert told
    assert all(f"*{browse} → {actions}*" in (ROOT / "dags" / name).read_text() for name in told)
