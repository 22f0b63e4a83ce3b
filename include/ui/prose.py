"""Markdown as HTML in which nothing runs: links and pictures stay only where they lead to a place that is known."""

import re
from collections.abc import Callable

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from include.ui.links import Links

Place = Callable[[str], str]
"""An address → where it leads in the pages; '' when it leads nowhere that they know."""
HEADINGS = {f"h{level}": f"h{min(level + 2, 6)}" for level in range(1, 7)}
"""What is asked stands below a heading of the second level."""
OURS = "moebius/"
CLIMBS = re.compile(r"(\.|%2e){2}", re.IGNORECASE)
PICTURES = f"{OURS}verdicts/"


def tokens_of(text: str, link: Place, picture: Place | None = None) -> list[Token]:
    """The parts of a text; a link or a picture without a place is its words."""
    tokens = _markdown().parse(text)
    for token in tokens:
        if token.children is not None:
            token.children = _placed(token.children, link, picture or (lambda _: ""))
    return tokens


def html_of(tokens: list[Token]) -> Markup:
    markdown = _markdown()
    html = markdown.renderer.render(tokens, markdown.options, {})
    return Markup(html)  # noqa: S704 - markup in the text is shown, not run


def question(text: str, links: Links) -> Markup:
    """What a person is asked; addresses in it are relative to Airflow's, as its own page of the question has them."""

    def leads(address: str) -> str:
        if not address.startswith(OURS):
            return of_host(address)
        return "" if CLIMBS.search(address) else f"{links.moebius}/{address.removeprefix(OURS)}"

    tokens = tokens_of(text, leads, lambda address: leads(address) if address.startswith(PICTURES) else "")
    for token in tokens:
        token.tag = HEADINGS.get(token.tag, token.tag)
    return html_of(tokens)


def of_host(address: str) -> str:
    """The address when it names a host, where a link may lead; else ''."""
    return address if address.startswith(("http://", "https://")) else ""


def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _placed(tokens: list[Token], link: Place, picture: Place) -> list[Token]:
    found, open_links = list[Token](), list[bool]()
    for token in tokens:
        if token.type == "link_open":
            open_links.append(_moved(token, "href", link))
            if str(token.attrGet("href")).startswith(("http://", "https://")):
                token.attrSet("data-outside", "")
        if token.type == "image" and not _moved(token, "src", picture):
            found.append(Token("text", "", 0, content=token.content))
            continue
        kept = token.type not in ("link_open", "link_close") or open_links[-1]
        if token.type == "link_close":
            open_links.pop()
        if kept:
            found.append(token)
    return found


def _moved(token: Token, name: str, place: Place) -> bool:
    """Whether there is a place for it; its address is that place then."""
    leads = place(str(token.attrGet(name)))
    token.attrSet(name, leads)
    return bool(leads)
