"""The standard as data is whole, in both languages, and names only what there is."""

import json
import re
from datetime import UTC, datetime

import pytest

from include.governance.checklist.facts import Facts
from include.governance.checklist.rules import states
from include.governance.rights import RIGHTS
from include.governance.standard import probes
from include.governance.standard.facts import FACTS
from include.governance.standard.groups import GROUPS
from include.governance.standard.layers import LAYERS
from include.governance.standard.learning import LEARNING_TYPES
from include.governance.standard.mapping import ROWS
from include.governance.standard.model import Component, Term
from include.governance.standard.pipelines import PIPELINES
from include.platform.probes import SERVICES
from include.records.registry import RECORD_TABLES
from include.services.platform_checks import CHECKS
from include.settings import ROOT
from include.ui import component_use
from include.ui.navigation import OF_USECASE, PLACES
from tests.dags.snapshot import GRAPH

HANGUL = re.compile(r"[가-힣]")
NAMES = {"API", "AutoML", "SHAP", "LIME", "REST", "gRPC", "A/B", "CNN", "RNN", "Transformer", "DB"}
"""Terms that Korean writes as English does."""
KNOWN = {"service": SERVICES, "dag": RIGHTS, "table": RECORD_TABLES, "spec": FACTS, "check": CHECKS}


def terms() -> list[Term]:
    found = [one.term for one in probes.components()]
    found += [term for layer in LAYERS for term in (layer.term, layer.role)]
    found += [group.term for group in GROUPS] + [function.term for row in ROWS for function in row.functions]
    found += [term for each in LEARNING_TYPES for term in (each.term, each.uses, *(kind.term for kind in each.kinds))]
    return found + [stage.term for pipeline in PIPELINES for stage in pipeline.stages]


def test_layers_and_groups_have_the_components_of_the_standard() -> None:
    assert [layer.key for layer in LAYERS] == ["application", "engine", "pipeline", "data", "infrastructure"]
    assert {len(layer.components) for layer in LAYERS} == {4}
    assert [len(group.components) for group in GROUPS] == [6, 6, 6, 6]
    assert [len(row.functions) for row in ROWS].count(0) == 0
    assert [len(pipeline.stages) for pipeline in PIPELINES] == [5, 6, 6]


@pytest.mark.parametrize("term", dict.fromkeys(terms()), ids=lambda term: term.en)
def test_a_term_is_there_in_korean(term: Term) -> None:
    assert term.en
    assert term.ko in NAMES or HANGUL.search(term.ko)


@pytest.mark.parametrize("probe", probes.NAMES)
def test_a_probe_asks_something_that_there_is(probe: str) -> None:
    kind, _, subject = probe.partition(":")
    if kind in KNOWN:
        assert subject in KNOWN[kind]
    elif kind == "form":
        assert subject.partition(".")[0] in RIGHTS
        assert "=" in subject
    else:
        assert kind == "metric"
        assert f"`{subject}`" in (ROOT / "docs" / "reference" / "metrics.md").read_text()


def test_modules_are_files_of_the_project() -> None:
    modules = [path for one in probes.components() for path in one.modules]
    modules += [path for pipeline in PIPELINES for stage in pipeline.stages for path in stage.modules]
    assert modules
    assert not [path for path in modules if not (ROOT / path).exists()]


def test_pages_are_places_of_the_navigation() -> None:
    places = {place.path for place in (*PLACES, *OF_USECASE)} | {"standard/pipelines/{usecase}"}
    assert {page for one in probes.components() for page in one.pages} <= places


def test_stages_are_joined_to_tasks_of_the_dags() -> None:
    shapes = json.loads(GRAPH.read_text())
    tasks = {f"{family}.{task}" for family, found in shapes.items() for shape in found for task in shape["tasks"]}
    assert {task for pipeline in PIPELINES for stage in pipeline.stages for task in stage.tasks} <= tasks


def test_kinds_of_learning_are_facts_of_specs() -> None:
    assert {kind.fact for each in LEARNING_TYPES for kind in each.kinds if kind.fact} <= set(FACTS)


NOTHING_RAN = component_use.points(states(Facts(at=datetime(2026, 1, 2, tzinfo=UTC))))
COUNTERPARTS = [one for one in probes.components() if one.points]


@pytest.mark.parametrize("component", COUNTERPARTS, ids=lambda one: f"{one.term.en}: {', '.join(one.points)}")
def test_mapping_and_checklist_agree_whether_there_is_such_a_thing(component: Component) -> None:
    points = [key for name in component.points for key in component_use.named(name)]
    assert set(points) <= set(NOTHING_RAN)
    assert bool(component.probes) == any(component_use.there(NOTHING_RAN[key]) for key in points)


def test_every_item_of_the_checklist_that_a_group_names_is_the_groups_counterpart() -> None:
    numbers = [point for group in GROUPS for one in group.components for point in one.points]
    assert sorted(map(int, numbers)) == [number for number in range(1, 25) if number != 3]
    titles = {"LIME": "12.lime", "grid": "11.grid", "blue-green": "15.blue_green", "manual": "16.manual"}
    parts = {part.term.en: part.points for row in ROWS for function in row.functions for part in function.parts}
    assert {title: parts[title] for title in titles} == {title: (point,) for title, point in titles.items()}
