"""The model card as a self-contained HTML page; the evaluation adds its verdict to page and Markdown."""

import html
import re
from collections.abc import Mapping, Sequence

from markdown_it import MarkdownIt

from include.contracts.approval import ApprovalEntry
from include.contracts.evaluation import Verdict
from include.evaluation.report import render
from include.formats.plain_text import markdown, markdown_table

VERDICT = "## Verdict and approval"
OPENS, CLOSES = '<section id="verdict">', "</section><!-- verdict -->"
PENDING = "Not evaluated yet."
PICTURE = re.compile(r'<p>(?:\s*<img src="plots/[a-z0-9_]+\.svg" alt="[^"]*"\s*/?>\s*)+</p>')
ONE = re.compile(r'<img src="plots/([a-z0-9_]+)\.svg" alt="([^"]*)"\s*/?>')
STYLE = """
  :root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
  body { font: 15px/1.55 system-ui, sans-serif; margin: 0; }
  main, nav { max-width: 60rem; margin: 0 auto; padding: 1.5rem; }
  nav { padding-bottom: 0; font-size: .9rem; } nav a { margin-right: 1rem; white-space: nowrap; }
  h1 { font-size: 1.6rem; line-height: 1.25; margin-top: 0; }
  h2 { font-size: 1.2rem; margin-top: 2.2rem; padding-top: .6rem; border-top: 1px solid var(--line); }
  h3 { font-size: 1rem; }
  table { border-collapse: collapse; display: block; overflow-x: auto; margin: .8rem 0; font-size: .92rem; }
  th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
  code { font-size: .9em; overflow-wrap: anywhere; }
  figure { margin: 1.2rem 0; } figure svg { max-width: 100%; height: auto; }
  figcaption { font-size: .88rem; opacity: .8; }
  @media print {
    body { font-size: 11px; } nav { display: none; } main { max-width: none; padding: 0; }
    table { display: table; overflow: visible; } figure, tr { break-inside: avoid; } h2 { break-after: avoid; }
  }
"""


def page(card: str, pictures: Mapping[str, bytes]) -> str:
    """The card as HTML with its pictures inside; markup in the card's text is shown, not run.

    ``pictures``: SVG by name; the card names them ``plots/<name>.svg``.
    """
    body = _rendered(card)
    titles = re.findall(r"<h2>(.*?)</h2>", body)
    body = re.sub(r"<h2>(.*?)</h2>", lambda m: f'<h2 id="{_anchor(m[1])}">{m[1]}</h2>', body)
    body = PICTURE.sub(lambda m: "".join(_figure(name, caption, pictures) for name, caption in ONE.findall(m[0])), body)
    links = " ".join(f'<a href="#{_anchor(title)}">{title}</a>' for title in titles)
    title = card.splitlines()[0].removeprefix("# ")
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style>"
    )
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n<nav>{links} '
        f'<a href="#verdict">Verdict</a></nav>\n'
        f"<main>\n{body}{_verdict_section(PENDING)}\n</main></body></html>\n"
    )


def pending(card: str) -> str:
    """The card with an empty place for its verdict."""
    return f"{card.rstrip()}\n\n{VERDICT}\n\n{PENDING}\n"


def with_verdict(card: str, verdict: Verdict, history: Sequence[ApprovalEntry] = ()) -> str:
    """The Markdown card with the verdict on its model in place of what stood there; the same again changes nothing.

    ``history`` is what is recorded about the version, oldest first: verdicts, approvals, rejections, withdrawals.
    """
    return f"{card.partition(VERDICT)[0].rstrip()}\n\n{VERDICT}\n\n{_told(verdict, history)}\n"


def page_with_verdict(card_page: str, verdict: Verdict, history: Sequence[ApprovalEntry] = ()) -> str:
    """The same for the card as HTML."""
    before, _, rest = card_page.partition(OPENS)
    after = rest.partition(CLOSES)[2]
    return before + _verdict_section(_told(verdict, history)) + after


def _told(verdict: Verdict, history: Sequence[ApprovalEntry]) -> str:
    text = re.sub(r"^# ", "### ", render(verdict).strip(), flags=re.MULTILINE)
    rows = [[markdown(cell) for cell in _line(entry)] for entry in history]
    table = markdown_table(["when, UTC", "what", "by", "why"], rows) or "nothing is recorded"
    return f"{text}\n\n### Verdicts and approvals, oldest first\n\n{table}"


def _line(entry: ApprovalEntry) -> list[str]:
    what = f"verdict {entry.decision}" if entry.event == "verdict" else entry.event.replace("_", " ")
    return [f"{entry.at:%Y-%m-%d %H:%M:%S}", what, entry.by or "unknown", entry.reason]


def _verdict_section(text: str) -> str:
    return f"{OPENS}<h2>{VERDICT.removeprefix('## ')}</h2>\n{_rendered(text)}{CLOSES}"


def _rendered(text: str) -> str:
    return MarkdownIt("commonmark", {"html": False}).enable("table").render(text)


def _figure(name: str, caption: str, pictures: Mapping[str, bytes]) -> str:
    drawing = pictures[name].decode()
    drawing = drawing[drawing.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{caption}" ', 1)
    return f"<figure>{drawing}<figcaption>{caption}</figcaption></figure>\n"


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
