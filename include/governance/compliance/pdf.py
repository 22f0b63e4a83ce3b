"""The bundle as PDF, by fpdf2 with a font that it embeds; every item is a bookmark."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.contracts.compliance import Bundle, Chapter, Evidence, Item, Section, Table
from include.errors import SettingsError
from include.governance.compliance.page import dated, heading

if TYPE_CHECKING:
    from fpdf import FPDF

FONT, SMALL, USUAL = "DejaVu", 7, 9
LONGEST = 500
"""Characters of a cell; a row must fit on a page, and the page and the JSON have the whole text."""
UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def pdf(bundle: Bundle) -> bytes:
    """The same tree as ``page``; the same bundle gives the same bytes.

    A letter that the font lacks becomes a replacement character, and the first page says so.
    """
    from fpdf import FPDF

    document: FPDF = FPDF(format="A4")
    for style, file in (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf")):
        document.add_font(FONT, style, _fonts() / file)
    document.set_creation_date(bundle.made_at)
    document.set_lang("en")
    document.set_title(f"Evidence bundle: {bundle.usecase} {bundle.release}")
    document.set_auto_page_break(True, margin=18)
    document.add_page()
    _Writer(document).write(bundle)
    return bytes(document.output())


def _fonts() -> Path:
    """Matplotlib ships DejaVu, so no font is downloaded and none is of the machine."""
    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        raise SettingsError("matplotlib, whose fonts the PDF uses, is not installed: run `make setup`")
    return Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"


class _Writer:
    def __init__(self, document: "FPDF") -> None:
        self._document = document
        document.set_font(FONT, size=USUAL)
        self._known = set(document.fonts[FONT.lower()].cmap)

    def write(self, bundle: Bundle) -> None:
        self._heading(f"Evidence bundle: {bundle.title}, release {bundle.release}", 16)
        self._text(bundle.notice)
        counted = ", ".join(f"{count} {state}" for state, count in bundle.counts.items())
        self._text(
            f"Use case {bundle.usecase}, {bundle.environment}, model version {bundle.model_version}. Items: {counted}."
        )
        self._text(f"Made {bundle.made_at:%Y-%m-%d %H:%M:%S} UTC. Digest of the content: {bundle.content}", SMALL)
        if {*bundle.model_dump_json()} - {*map(chr, self._known)} - {"\n"}:
            self._text(f"Letters that the font of this PDF lacks are shown as {UNKNOWN}; bundle.html has them.")
        for chapter in bundle.chapters:
            self._chapter(chapter)

    def _chapter(self, chapter: Chapter) -> None:
        self._document.add_page()
        self._document.start_section(self._known_text(chapter.title), 0)
        self._heading(chapter.title, 13)
        self._text(f"Checked on {chapter.checked_on} against {chapter.checked_against}. Text: {chapter.source}")
        self._list(f"{date.day}: {date.what}" for date in chapter.dates)
        self._list(f"Not settled by the check: {one}" for one in chapter.open)
        for section in chapter.sections:
            self._section(section)

    def _section(self, section: Section) -> None:
        self._document.start_section(self._known_text(heading(section)), 1)
        self._heading(heading(section), 11)
        for item in section.items:
            self._item(item)

    def _item(self, item: Item) -> None:
        self._document.start_section(f"{item.key}: {item.state}", 2)
        self._heading(f"{item.reference}: {item.title}", USUAL)
        self._text(item.state.capitalize(), SMALL, "B")
        for one in item.says:
            self._text(one)
        for table in item.tables:
            self._table(table)
        self._list(map(_evidence, item.evidence), SMALL)
        self._list(f"Missing, because {gap.because}. To give it: {gap.give}." for gap in item.gaps)

    def _table(self, table: Table) -> None:
        self._text(table.caption, SMALL, "B")
        self._document.set_font(FONT, size=SMALL)
        with self._document.table(
            line_height=1.4 * SMALL / 2.83, padding=0.6, text_align="LEFT", first_row_as_headings=True
        ) as rows:
            for cells in [table.head, *table.rows]:
                row = rows.row()
                for cell in cells:
                    row.cell(self._known_text(cell if len(cell) <= LONGEST else f"{cell[:LONGEST]} …"))
        self._document.ln(2)

    def _heading(self, text: str, size: int) -> None:
        self._document.ln(2)
        self._text(text, size, "B")

    def _list(self, lines: Any, size: int = USUAL) -> None:
        for line in lines:
            self._text(f"• {line}", size)

    def _text(self, text: str, size: int = USUAL, style: Any = "") -> None:
        self._document.set_font(FONT, style, size)
        self._document.multi_cell(0, size * 0.5, self._known_text(text), new_x="LMARGIN", new_y="NEXT", align="LEFT")

    def _known_text(self, text: str) -> str:
        return "".join(letter if ord(letter) in self._known or letter == "\n" else UNKNOWN for letter in text)


def _evidence(one: Evidence) -> str:
    copied = f", copy in {one.copied}" if one.copied else ""
    return f"{one.what}: {one.where}{copied}; {dated(one)}; SHA-256 {one.sha256}"
