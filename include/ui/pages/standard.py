"""Two pages of ISO/IEC 23053: the ML dashboard and the component mapping, each component as it was probed just now."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from include.governance.standard.facts import FACTS
from include.governance.standard.groups import GROUPS
from include.governance.standard.layers import LAYERS
from include.governance.standard.learning import LEARNING_TYPES
from include.governance.standard.mapping import ROWS
from include.governance.standard.model import Component, Function, Row
from include.governance.standard.states import Answer, State, combined, connected, judged
from include.specification.loader import usecases
from include.ui import navigation
from include.ui.access import SIGNED_IN, http_errors
from include.ui.component_use import Record, Use, recorded
from include.ui.language import marked
from include.ui.probe_words import LEVELS, WORDS, Told, told
from include.ui.probing import ASKING, probing
from include.ui.view import View, ViewDep

NAMED = ("service:", "dag:", "table:", "metric:")
STATES: tuple[State, ...] = ("healthy", "partly used", "partly connected", "idle", "degraded", "down", "none")
UNRECORDED = Record({})
Answers = Mapping[str, Answer]


class Shown(NamedTuple):
    """A component as a page shows it; ``href`` is '' when no page of ours shows it, ``use`` None if no record tells."""

    term: Any
    state: State
    level: str
    word: str
    evidence: list[Told]
    modules: tuple[str, ...]
    href: str
    label: str
    use: Use | None = None

    @property
    def players(self) -> list[str]:
        """What plays the part and has a name of its own: services, DAG families, tables, series."""
        return [f"{one.kind} {one.subject}" for one in self.evidence if one.probe.startswith(NAMED)]

    @property
    def connected(self) -> bool:
        return connected(self.state)


def router() -> APIRouter:
    """``/standard/`` and ``/standard/mapping``."""
    pages = APIRouter(prefix="/standard", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/")
    def dashboard(view: ViewDep) -> HTMLResponse:
        return view.page("standard.html", **dashboard_shown(view, *_known(view)))

    @pages.get("/mapping")
    def mapping(view: ViewDep) -> HTMLResponse:
        return view.page("mapping.html", **mapping_shown(view, *_known(view)))

    return pages


def _known(view: View) -> tuple[Answers, Record]:
    """What answered now, and what was used, which are two questions."""
    with http_errors():
        return probing(view.reader.services).evidence(), recorded(view.reader.services)


def dashboard_shown(view: View, answers: Answers, record: Record) -> dict[str, Any]:
    """Layers, groups and learning types with their states."""
    layers = [(layer, [shown(view, one, answers, record) for one in layer.components]) for layer in LAYERS]
    groups = [(group, [shown(view, one, answers, record) for one in group.components]) for group in GROUPS]
    every = [one for _, components in (*layers, *groups) for one in components]
    return {
        "layers": [(layer, own, *_overall(view, own)) for layer, own in layers],
        "groups": [(group, own, *_overall(view, own)) for group, own in groups],
        "counts": counts(view, every),
        "learning": LEARNING_TYPES,
        "of_fact": {kind.fact: users(kind.fact) for each in LEARNING_TYPES for kind in each.kinds},
        "asked": asked(answers.values()),
        "waiting": waiting(answers.values()),
        "unread": record.unread,
        "stack": stack(view, layers),
    }


def stack(view: View, layers: Sequence[tuple[Any, list[Shown]]]) -> list[Any]:
    """What a screen reader hears of the stack: a sentence per layer."""
    words = view.text(marked("%(connected)s of %(all)s connected"))
    return [words % {"connected": sum(one.connected for one in own), "all": len(own)} for _, own in layers]


def mapping_shown(view: View, answers: Answers, record: Record) -> dict[str, Any]:
    """Rows with their functions, what is not connected, and what was never used."""
    rows = [_row(view, row, answers, record) for row in ROWS]
    parts = [part for row in rows for _, of in row["functions"] for part in of]
    gaps = [
        (row, function, part) for row in rows for function, of in row["functions"] for part in of if not part.connected
    ]
    return {
        "rows": rows,
        "gaps": gaps,
        "parts": parts,
        "unused": [part for part in parts if part.connected and part.use and not part.use.newest],
        "asked": asked(answers.values()),
        "waiting": waiting(answers.values()),
        "unread": record.unread,
    }


def _row(view: View, row: Row, answers: Answers, record: Record) -> dict[str, Any]:
    functions: list[tuple[Function, list[Shown]]] = [
        (function, [shown(view, part, answers, record) for part in function.parts]) for function in row.functions
    ]
    parts = [part for function in row.functions for part in function.parts]
    every = [part for _, of in functions for part in of]
    there = sum(part.connected for part in every)
    return {
        "group": row.group,
        "component": shown(view, row.component, answers, record, parts),
        "functions": functions,
        "there": there,
        "all": len(every),
        "connected": "all" if there == len(every) else "some" if there else "",
        "ill": any(part.state in ("degraded", "down") for part in every),
    }


def shown(
    view: View, component: Component, answers: Answers, record: Record = UNRECORDED, parts: Sequence[Component] = ()
) -> Shown:
    """The component with its evidence, and the first page of it that the reader is served; ``parts`` are a row's."""
    evidence = [told(view, probe, answers[probe]) for probe in component.probes]
    every = [component, *parts]
    use = record.use(every)
    state = judged({probe: answers[probe] for probe in component.probes}, use is None or use.newest is not None)
    probed = [one.answer.facts.get("usecase", "") for one in evidence if not one.probe.startswith("spec:")]
    place = _place(view, component.pages, record.usecase(every, probed))
    href = f"{view.links.moebius}/{place.path}" if place else ""
    label = view.text(place.label) if place else ""
    modules, word = component.modules, view.text(WORDS[state])
    return Shown(component.term, state, LEVELS[state], word, evidence, modules, href, label, use)


def _place(view: View, paths: Sequence[str], usecase: str) -> navigation.Place | None:
    """The first of these pages that there is for the reader; the overview when there is no use case to look at."""
    labels = {place.path: place.label for place in (*navigation.PLACES, *navigation.OF_USECASE, PIPELINE)}
    own = [path for path in paths if usecase or "{usecase}" not in path]
    places = [navigation.Place(path, labels[path]) for path in (own or [""] * bool(paths))]
    return next(iter(navigation.offered(places, view.reader.role, usecase)), None)


PIPELINE = navigation.Place("standard/pipelines/{usecase}", marked("Pipelines"))


def _overall(view: View, own: Sequence[Shown]) -> tuple[str, str, int]:
    """Level and word of a layer or group, and how many of its components are connected."""
    state = combined(one.state for one in own)
    return LEVELS[state], view.text(WORDS[state]), sum(one.connected for one in own)


def counts(view: View, every: Iterable[Shown]) -> list[tuple[str, str, int]]:
    """Level, word and number for each state."""
    found = Counter(one.state for one in every)
    return [(LEVELS[state], view.text(WORDS[state]), found[state]) for state in STATES]


def asked(answers: Iterable[Answer]) -> datetime | None:
    """When the oldest answer was given."""
    return min((answer.at for answer in answers), default=None)


def waiting(answers: Iterable[Answer]) -> int:
    """How many have never been given."""
    return sum(answer.code == ASKING for answer in answers)


def users(fact: str) -> list[str]:
    """The use cases that this fact holds of; of no fact none."""
    return [spec.name for spec in usecases() if FACTS[fact](spec)] if fact else []
