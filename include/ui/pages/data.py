"""The data of a use case: what the gates say, what is published, how fresh it is, what waits for a person."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from include.contracts.operations import LatePeriods
from include.contracts.period import Every, Period
from include.contracts.quality import TableOutcome
from include.contracts.streaming import Reconciliation
from include.data import gate_outcomes
from include.data.gate_outcomes import PeriodState
from include.operations.overview import lateness
from include.services.records import LOOKED_BACK
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.ui import quarantined
from include.ui.access import SIGNED_IN, Reader, http_errors
from include.ui.charts import state_grid
from include.ui.charts.sparkline import sparkline
from include.ui.charts.state_grid import Cell
from include.ui.language import marked
from include.ui.view import View, ViewDep

SHOWN: dict[Every, int] = {"hour": 7 * 24, "day": 53 * 7, "week": 104, "month": 60}
"""Newest periods of the calendar of the gates."""
GATED, COLLECTED, RECONCILED = 30, 24, 24
"""Newest periods that are shown by gate, whose collections are, and whose streams."""
LEVELS = {"passed": "good", "warned": "watch", "quarantined": "act", "refused": "bad", "not checked": "none"}
WORDS = {
    "passed": marked("passed"),
    "warned": marked("passed with warnings"),
    "quarantined": marked("rows in quarantine"),
    "refused": marked("refused"),
    "not checked": marked("not checked"),
}
WEEKDAYS = (
    marked("Mon"), marked("Tue"), marked("Wed"), marked("Thu"), marked("Fri"), marked("Sat"), marked("Sun"),
)  # fmt: skip
SAID_FAILURES = 4
"""Failed expectations that a mark of the calendar names."""
GATE_AXIS = 190
"""Pixels of the names of gates and tables."""


def router() -> APIRouter:
    """``/data/<usecase>``."""
    pages = APIRouter(prefix="/data", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/{usecase}")
    def page(view: ViewDep, usecase: str) -> HTMLResponse:
        with http_errors():
            spec = load_usecase(usecase)
            data = shown(spec, view.reader)
        pictures = drawn(view, spec, data)
        return view.page("data.html", spec, data=data, pictures=pictures, levels=LEVELS, words=WORDS)

    return pages


def shown(spec: UseCase, reader: Reader) -> dict[str, Any]:
    """What the template needs."""
    records = reader.records
    published, checked = records.published(spec), records.gate_periods(spec)
    periods = newest(spec, [*published, *checked])
    outcomes = records.gate_outcomes(spec, periods)
    held = records.quarantined_rows(spec, newest=LOOKED_BACK)
    waiting = Counter(row.period for row in held if row.status == "held")
    seen = reader.reads(spec, "gate_results")
    there = records.publications(spec, periods[-LOOKED_BACK:])
    return {
        "looked_back": LOOKED_BACK,
        "published": published,
        "states": gate_outcomes.states(periods, outcomes, waiting) if seen else [],
        "outcomes": outcomes,
        "checked_at": max((one.evaluated_at for one in outcomes), default=None),
        "standing": records.standing_warnings(spec),
        "publications": there,
        "pins": records.pins(spec),
        "late": late(spec, periods, published, checked),
        "waiting": sum(waiting.values()),
        "held": quarantined.groups(held),
        "rows": quarantined.newest(spec, reader, held),
        "collected": collected(records.collected(spec, newest=COLLECTED)),
        "odd": [one for one in records.profiles(spec, newest=LOOKED_BACK) if one.oddities],
        "judged": records.profiles(spec, newest=1),
        "reconciliations": records.reconciliations(spec, periods=periods[-RECONCILED:]) if periods else [],
    }


def newest(spec: UseCase, known: Sequence[Period]) -> list[Period]:
    """The periods of the calendar up to the newest that is known, as many as are shown."""
    known = [period for period in known if period.every == spec.calendar.every]
    if not known:
        return []
    last, count = max(known), SHOWN[spec.calendar.every]
    return Period.between(max(min(known), last.shift(1 - count)), last)


def late(spec: UseCase, periods: Sequence[Period], *seen: Sequence[Period]) -> LatePeriods | None:
    """What of the shown periods is late now; None where nothing is shown."""
    if not periods or not spec.periods.has(periods[0]):
        return None
    recent = spec.model_copy(update={"periods": spec.periods.model_copy(update={"first": periods[0]})})
    published, checked = ([one for one in each if one >= periods[0]] for each in seen)
    return lateness.late(recent, published, checked, datetime.now(UTC))


def collected(days: Sequence[Any]) -> list[dict[str, Any]]:
    """Each source: the newest local day that it had rows of, and how many rows and days were counted."""
    found = {}
    for source in sorted({day.source for day in days}):
        of = [day for day in days if day.source == source]
        found[source] = {"source": source, "newest": max(day.day for day in of), "days": len({day.day for day in of})}
        found[source]["rows"] = sum(day.rows for day in of)
    return list(found.values())


# -- pictures
def drawn(view: View, spec: UseCase, data: dict[str, Any]) -> dict[str, Any]:
    """The pictures of the page."""
    states, text = data["states"], view.text
    others = {"volume": _volume(view, data["publications"]), "streams": _streams(view, data["reconciliations"])}
    if not states:
        return {"calendar": "", "gates": "", **others}
    cut = 7 if spec.calendar.every == "day" else 20
    cells, rows = calendar(spec.calendar.every, states, text)
    near, names = by_gate(states[-GATED:], text)
    return {
        "calendar": view.picture(
            lambda width: state_grid.grid(cells, rows, width, cut=cut),
            text("What the quality gates said of each period"),
        ),
        "gates": view.picture(
            lambda width: state_grid.grid(near, names, width, axis=GATE_AXIS),
            text("What each quality gate said of each table, by period"),
        ),
        **others,
    }


def calendar(every: Every, states: Sequence[PeriodState], text: Callable[[str], str]) -> tuple[list[Cell], list[str]]:
    """A mark for each period where the calendar of its rhythm has it, and the rows of that calendar in order."""
    place, weekdays = state_grid.places(every), [text(day) for day in WEEKDAYS]
    cells = [Cell(*place(one.period, weekdays), one.state, said(one, text)) for one in states]
    return cells, weekdays if every == "day" else list(dict.fromkeys(cell.row for cell in cells))


def said(one: PeriodState, text: Callable[[str], str]) -> str:
    """What a mark of the calendar says."""
    checked = sum(outcome.expectations for outcome in one.outcomes)
    lines = [f"{one.period}: {text(WORDS[one.state])}"]
    if checked:
        lines.append(text("%(count)s expectations") % {"count": f"{checked:,}"})
    if one.held:
        lines.append(text("%(count)s rows wait in quarantine") % {"count": f"{one.held:,}"})
    rest = len(one.failures) - SAID_FAILURES
    return "\n".join([*lines, *one.failures[:SAID_FAILURES], *([f"… +{rest}"] if rest > 0 else [])])


def by_gate(states: Sequence[PeriodState], text: Callable[[str], str]) -> tuple[list[Cell], list[str]]:
    """A mark for each gate, table and period, and the rows in the order of the gates."""
    outcomes = [outcome for state in states for outcome in state.outcomes]
    cells = [Cell(o.period, _row(o), o.state, _said(o, text)) for o in outcomes]
    return cells, list(dict.fromkeys(_row(o) for o in sorted(outcomes, key=lambda o: (o.gate != "raw", o.table))))


def _row(outcome: TableOutcome) -> str:
    return f"{outcome.gate}: {outcome.table}"


def _said(outcome: TableOutcome, text: Callable[[str], str]) -> str:
    numbers = {"count": f"{outcome.expectations:,}", "rows": f"{outcome.rows:,}"}
    head = f"{outcome.period}, {_row(outcome)}: {text(WORDS[outcome.state])}"
    return "\n".join([head, text("%(count)s expectations, %(rows)s rows") % numbers, *outcome.failures[:SAID_FAILURES]])


def _volume(view: View, publications: Sequence[Any]) -> list[dict[str, Any]]:
    """Each published table: rows of the newest period, and a small picture of them over the newest periods."""
    tables = sorted({table for one in publications for table in one.rows})
    found, rows = [], view.text("rows")
    for table in tables:
        of = [(one.period, one.rows[table]) for one in publications if table in one.rows]
        points = [{"at": p, "value": n, "said": f"{p}: {n:,} {rows}"} for p, n in of]
        label = view.text("Rows of %(table)s by period") % {"table": table}
        counts = [n for _, n in of]
        found.append({
            "table": table, "newest": of[-1], "least": min(counts), "most": max(counts),
            "picture": view.small_picture(sparkline(points), label),
        })  # fmt: skip
    return found


def _streams(view: View, found: Sequence[Reconciliation]) -> Any:
    """Agreement of the speed layer with the batch, by feature view and period; '' where nothing was reconciled."""
    if not found:
        return ""
    cells = [Cell(r.period, r.view, agreement(r), _agrees(r, view.text)) for r in found]
    views = sorted({r.view for r in found})
    label = view.text("How the speed layer agrees with the batch, by feature view and period")
    return view.picture(lambda width: state_grid.grid(cells, views, width, axis=GATE_AXIS), label)


def agreement(r: Reconciliation) -> str:
    """A state of the grid: nothing was pushed, every pushed row is equal, rows are on one side only, or they differ."""
    if not r.equal + r.differing + r.only_speed:
        return "not checked"
    return "refused" if r.differing else "warned" if r.only_speed or r.only_batch else "passed"


def _agrees(r: Reconciliation, text: Callable[[str], str]) -> str:
    counts = {"equal": r.equal, "differing": r.differing, "speed": r.only_speed, "batch": r.only_batch}
    words = text("%(equal)s rows equal, %(differing)s differ, %(speed)s only pushed, %(batch)s only in batch")
    return f"{r.period}, {r.view}: {words % counts}"
