"""The data sheet of a table, in Markdown and HTML: what a new reader must know about it.

Source of the sections: Gebru et al. 2021, Datasheets for Datasets, as far as the platform can answer them itself.
"""

import html
import re
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

from markdown_it import MarkdownIt

from include.catalog.entries import Catalog, Entry, Step
from include.catalog.profile import ColumnProfile
from include.contracts.period import Period, periods_text
from include.contracts.tables import TableState
from include.formats.plain_text import markdown as as_it_is
from include.formats.plain_text import markdown_code, markdown_table
from include.specification.usecase import UseCase

MUCH_MISSING = 0.2
SHOWN_GATES = 12
SHOWN_PERIODS = 60
STYLE = """
  :root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
  body { font: 14px/1.5 system-ui, sans-serif; margin: 1.5rem auto; padding: 0 1.5rem; max-width: 72rem; }
  table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto; }
  th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
  h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin-top: 1.6rem; }
  code { font-size: .92em; }
"""


def markdown(spec: UseCase, catalog: Catalog, state: TableState, columns: Sequence[ColumnProfile]) -> str:
    """The whole sheet of one table; values are shown of public columns only."""
    entry = catalog.entry(f"table/{state.table}")
    sections = {
        "What it is": _about(spec, entry, state),
        "Columns": _columns(catalog, entry, columns),
        "Rows by period": _rows(state),
        "Quality gates": _gates(entry),
        "Known limits": _limits(spec, entry, state, columns),
        "Lineage": _lineage(catalog, entry),
        "Versions": _versions(entry),
        "Retention": _retention(spec, entry),
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"# {state.table}\n\n{body}\n\nWritten {catalog.made_at.isoformat()} from what the platform recorded.\n"


def without_gates(text: str) -> str:
    """The Markdown of a sheet without what gates found, for a role that does not read their results."""
    sections = re.split(r"(?m)^(?=## )", text)
    kept = "".join(section for section in sections if not section.startswith("## Quality gates\n"))
    return re.sub(rf"(?m)^- {Period.PATTERN.strip('^$')}: .*\n?", "", kept)


def page(title: str, text: str) -> str:
    """Markdown as a page of its own, which loads nothing from anywhere; markup inside it is shown, not run."""
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}</body></html>\n'


def _about(spec: UseCase, entry: Entry, state: TableState) -> str:
    rows: list[Sequence[object]] = [
        ["use case", f"{spec.title} (`{spec.name}`)"],
        ["owner", entry.owner],
        ["privacy class", f"{entry.privacy}, that of its most protected column"],
        ["rows", f"{sum(state.rows.values()):,}"],
        ["Delta version", state.version],
        *([name, value] for name, value in entry.facts.items() if name.startswith(("feature", "tag"))),
    ]
    return f"{entry.meaning}.\n\n{markdown_table(['what', 'value'], rows)}"


def _columns(catalog: Catalog, entry: Entry, profiles: Sequence[ColumnProfile]) -> str:
    known = {c.name: c for c in catalog.columns(entry.id)}
    rows = [
        [f"`{p.name}`", c.meaning, c.type, c.privacy, f"{p.missing:.1%}", _values(p, c.privacy), _origin(catalog, c)]
        for p, c in ((p, known[p.name]) for p in profiles)
    ]
    return markdown_table(["column", "meaning", "type", "class", "missing", "values", "computed from"], rows)


def _values(column: ColumnProfile, privacy: str) -> str:
    if privacy != "public":
        return f"about {column.distinct:,} different ({privacy}: not shown)"
    if column.top:
        return ", ".join(f"{markdown_code(value)} {share:.1%}" for value, share in column.top)
    return (
        f"{markdown_code(column.low)} … {markdown_code(column.high)}"
        if column.low
        else f"about {column.distinct:,} different"
    )


def _origin(catalog: Catalog, column: Entry) -> str:
    origins = [s.id for s in catalog.upstream(column.id) if s.distance == 1]
    return ", ".join(f"`{one.split('/', 1)[1].replace('/', '.')}`" for one in origins)


def _rows(state: TableState) -> str:
    """Of each period; of many, those of each month together."""
    if len(state.rows) <= SHOWN_PERIODS:
        return markdown_table(["period", "rows"], [[p, f"{n:,}"] for p, n in state.rows.items()])
    months = [(month, [*of_month]) for month, of_month in groupby(sorted(state.rows), attrgetter("month"))]
    rows = [[m, f"{len(periods):,}", f"{sum(state.rows[p] for p in periods):,}"] for m, periods in months]
    return markdown_table(["begun in", "periods", "rows"], rows)


def _gates(entry: Entry) -> str:
    if not entry.gates:
        return "No gate checks this table."
    rows = [
        [g.period, g.gate, "passed" if g.passed else "refused", "; ".join(map(as_it_is, g.failures))]
        for g in entry.gates[:SHOWN_GATES]
    ]
    return markdown_table(["period", "gate", "last result", "failed"], rows)


def _limits(spec: UseCase, entry: Entry, state: TableState, columns: Sequence[ColumnProfile]) -> str:
    limits = [f"There are no rows of {periods_text(gone)}." for gone in [_missing_periods(state)] if gone]
    limits += [f"`{c.name}` is missing in {c.missing:.0%} of the rows." for c in columns if c.missing > MUCH_MISSING]
    limits += [f"{g.period}: {as_it_is(line)}." for g in entry.gates for line in g.failures]
    if (event := spec.event).label in state.columns:
        limits.append(f"The label `{event.label}` is known {event.label_delay} after the event.")
    if (view := spec.feature_views.get(state.table)) and view.freshness_hours:
        limits.append(f"Serving treats a value older than {view.freshness_hours:g} hours as missing.")
    return "\n".join(f"- {limit}" for limit in limits) or "No limits are known."


def _missing_periods(state: TableState) -> list[Period]:
    if not state.rows:
        return []
    return [p for p in Period.between(min(state.rows), max(state.rows)) if p not in state.rows]


def _lineage(catalog: Catalog, entry: Entry) -> str:
    made = _steps(catalog.upstream(entry.id)) or "Moebius writes this table itself."
    return f"Made from:\n\n{made}\n\nFeeds:\n\n{_steps(catalog.downstream(entry.id)) or 'No registered entry.'}"


def _steps(steps: Sequence[Step]) -> str:
    return markdown_table(["steps away", "what"], [[s.distance, f"`{s.id}`"] for s in steps]) if steps else ""


def _versions(entry: Entry) -> str:
    rows = [[f"`{v.name}`", v.at.isoformat() if v.at else "", v.detail] for v in entry.versions]
    return markdown_table(["version", "made", "what"], rows)


def _retention(spec: UseCase, entry: Entry) -> str:
    if entry.kind == "predictions":
        return f"Predictions are kept for {spec.retention.predictions}."
    if entry.versions and entry.versions[0].name.startswith("Delta"):
        return "Records of the platform are never deleted."
    return (
        f"Snapshots are kept for {spec.retention.snapshots}; current and pinned snapshots, and those "
        "that a registered model was trained on, are kept longer."
    )
