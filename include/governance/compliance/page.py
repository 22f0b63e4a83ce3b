"""The bundle as one HTML page: nothing is loaded, nothing is run, and it reads without its style."""

import html
from collections.abc import Iterable

from include.contracts.compliance import Bundle, Chapter, Evidence, Item, Section, Table

STYLE = """
  :root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 22%, transparent); }
  body { font: 15px/1.55 system-ui, sans-serif; margin: 0 auto; max-width: 64rem; padding: 1.5rem; }
  h1 { font-size: 1.6rem; } h2 { font-size: 1.35rem; margin-top: 2.5rem; } h3 { font-size: 1.15rem; margin-top: 2rem; }
  h4 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
  article { border-top: 1px solid var(--line); padding-bottom: .6rem; }
  table { border-collapse: collapse; margin: .8rem 0; font-size: .9rem; display: block; overflow-x: auto; }
  caption { text-align: left; font-weight: 600; }
  th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0; }
  tr { border-bottom: 1px solid var(--line); }
  code { font-size: .85em; overflow-wrap: anywhere; } .state { font-weight: 600; } nav li { margin: .1rem 0; }
  a.skip:not(:focus) { position: absolute; left: -99rem; }
  @media print { table { display: table; } nav { display: none; } article { break-inside: avoid-page; } }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(bundle: Bundle) -> str:
    """The whole page; what comes from records is text, never markup."""
    title = f"Evidence bundle: {bundle.title}, release {bundle.release}"
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta name="viewport" content="width=device-width"><title>{_t(title)}</title><style>{STYLE}</style>'
    )
    body = "\n".join([_header(bundle, title), _contents(bundle), "<main id=main>", *map(_chapter, bundle.chapters)])
    skip = '<a class="skip" href="#main">Skip to the items</a>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{skip}\n{body}\n</main></body></html>\n'


def _header(bundle: Bundle, title: str) -> str:
    counted = ", ".join(f"{count} {state}" for state, count in bundle.counts.items())
    facts: list[tuple[str, object]] = [
        ("use case", bundle.usecase),
        ("environment", bundle.environment),
        ("model version", bundle.model_version),
        ("made", f"{bundle.made_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("items", counted),
        ("digest of the content", bundle.content),
    ]
    rows = "".join(f'<tr><th scope="row">{_t(name)}</th><td>{_t(value)}</td></tr>' for name, value in facts)
    return f"<header><h1>{_t(title)}</h1><p>{_t(bundle.notice)}</p><table><tbody>{rows}</tbody></table></header>"


def _contents(bundle: Bundle) -> str:
    links = [
        f'<li><a href="#{section.key}">{_t(heading(section))}</a></li>'
        for chapter in bundle.chapters
        for section in chapter.sections
    ]
    return f'<nav aria-label="Contents"><ul>{"".join(links)}</ul></nav>'


def heading(section: Section) -> str:
    """Where the section is in its law, and what it is about."""
    return f"{section.items[0].reference.split(' (')[0].rstrip()}: {section.title}" if section.items else section.title


def _chapter(chapter: Chapter) -> str:
    dates = "".join(f"<li><time>{date.day}</time>: {_t(date.what)}</li>" for date in chapter.dates)
    checked = f"Checked on <time>{chapter.checked_on}</time> against {chapter.checked_against}. Text: {chapter.source}"
    left = "".join(f"<li>{_t(one)}</li>" for one in chapter.open)
    head = (
        f'<h2 id="{chapter.key}">{_t(chapter.title)}</h2><p>{_marked(checked)}</p><ul>{dates}</ul>'
        f"{f'<p>Not settled by the check:</p><ul>{left}</ul>' if left else ''}"
    )
    sections = "\n".join(map(_section, chapter.sections))
    return f'<section aria-labelledby="{chapter.key}">{head}\n{sections}</section>'


def _section(section: Section) -> str:
    items = "\n".join(map(_item, section.items))
    title = f'<h3 id="{section.key}">{_t(heading(section))}</h3>'
    return f'<section aria-labelledby="{section.key}">{title}\n{items}</section>'


def _item(item: Item) -> str:
    says = "".join(f"<p>{_t(one)}</p>" for one in item.says)
    gaps = "".join(f"<li>Missing, because {_t(gap.because)}. To give it: {_t(gap.give)}.</li>" for gap in item.gaps)
    return (
        f'<article aria-labelledby="{item.key}"><h4 id="{item.key}">{_t(item.reference)}: {_t(item.title)}</h4>'
        f'<p class="state">{_t(item.state)}</p>{says}{"".join(map(_table, item.tables))}'
        f"{_evidence(item.evidence)}{f'<ul>{gaps}</ul>' if gaps else ''}</article>"
    )


def _evidence(evidence: list[Evidence]) -> str:
    if not evidence:
        return ""
    rows = [[one.what, _place(one), dated(one), f"<code>{one.sha256}</code>"] for one in evidence]
    head = "".join(f'<th scope="col">{name}</th>' for name in ("evidence", "where", "date", "SHA-256"))
    body = "".join(f"<tr><td>{_t(w)}</td><td>{p}</td><td>{_t(d)}</td><td>{s}</td></tr>" for w, p, d, s in rows)
    return f"<table><caption>Evidence</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _place(one: Evidence) -> str:
    return f'{_t(one.where)} (<a href="{_t(one.copied)}">copy</a>)' if one.copied else _t(one.where)


def dated(one: Evidence) -> str:
    return f"{one.at:%Y-%m-%d %H:%M:%S} UTC" if one.at else "as it was when the bundle was made"


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{_t(name)}</th>' for name in table.head)
    body = "".join(_row(row) for row in table.rows)
    return f"<table><caption>{_t(table.caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _row(cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<td>{_t(cell)}</td>' for cell in cells)}</tr>"


def _marked(text: str) -> str:
    """The text with its own ``<time>`` alone."""
    return _t(text).replace("&lt;time&gt;", "<time>").replace("&lt;/time&gt;", "</time>")


def _t(value: object) -> str:
    return html.escape(str(value))
