"""The checklist as PDF, with a Korean font that it embeds; fpdf2 is imported when one is made."""

from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.errors import SettingsError

if TYPE_CHECKING:
    from fpdf import FPDF

WHEEL, FONT = "koreanize-matplotlib", "NanumGothic"
USUAL, SMALL, LONGEST = 9, 8, 300
UNKNOWN = "?"
Words = Callable[[str], str]


def pdf(content: Mapping[str, Any], counted: Mapping[str, int], text: Words, language: str) -> bytes:
    """``content`` as ``transfer.content`` has it; ``counted``: items by state; ``text`` translates."""
    from fpdf import FPDF

    document: FPDF = FPDF(format="A4")
    for style, file in (("", f"{FONT}.ttf"), ("B", f"{FONT}Bold.ttf")):
        document.add_font(FONT, style, font(file))
    document.set_lang(language)
    document.set_title(text("Implementation checklist"))
    document.set_auto_page_break(True, margin=15)
    document.add_page()
    _Writer(document, text).write(content, counted)
    return bytes(document.output())


def font(name: str) -> Path:
    """A font of the wheel, which is found without importing it: that would load matplotlib."""
    try:
        found = [Path(str(file.locate())) for file in distribution(WHEEL).files or [] if file.name == name]
    except PackageNotFoundError:
        found = []
    if not found or not found[0].is_file():
        raise SettingsError(f"{WHEEL}, whose font {name} the PDF uses, is not installed: run `make setup`")
    return found[0]


class _Writer:
    def __init__(self, document: "FPDF", text: Words) -> None:
        self._document, self._words = document, text
        document.set_font(FONT, size=USUAL)
        self._known = set(document.fonts[FONT.lower()].cmap)

    def write(self, content: Mapping[str, Any], counted: Mapping[str, int]) -> None:
        text = self._words
        self._line(text("Implementation checklist"), 16, "B")
        self._line("ISO/IEC 23053:2022", USUAL)
        states = ", ".join(f"{text(state)}: {count}" for state, count in counted.items())
        self._line(f"{text('As of')} {content['at'][:16].replace('T', ' ')} UTC. {states}", USUAL)
        group = ""
        for item in content["items"]:
            if item["group"] != group:
                group = item["group"]
                self._document.ln(3)
                self._document.start_section(self._known_text(group), 0)
                self._line(group, 12, "B")
            self._item(item)

    def _item(self, item: Mapping[str, Any]) -> None:
        text = self._words
        self._document.ln(1.5)
        self._line(f"{item['number']}. {item['title']}: {text(item['derived'])}", USUAL + 1, "B")
        for point in item["points"]:
            newest = point["evidence"][:1]
            proof = (
                f"{newest[0]['where']}, {newest[0]['at'][:16].replace('T', ' ')} UTC" if newest else text("no evidence")
            )
            self._line(f"   • {point['title']}: {proof}", SMALL)
        if item["state"]:
            by = f"{item['by']}, {item['assessed_at'].partition('T')[0]}"
            self._line(f"   {text('Assessment')}: {text(item['state'])} ({by}). {item['note']}", SMALL)
        if item["plan"] or item["due"]:
            self._line(f"   {text('Plan')}: {item['plan']} {item['due']}", SMALL)

    def _line(self, line: str, size: int, style: Any = "") -> None:
        self._document.set_font(FONT, style, size)
        self._document.multi_cell(0, size * 0.5, self._known_text(line), new_x="LMARGIN", new_y="NEXT", align="LEFT")

    def _known_text(self, line: str) -> str:
        return "".join(letter if ord(letter) in self._known or letter == "\n" else UNKNOWN for letter in line)
