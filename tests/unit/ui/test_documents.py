"""Model cards and data sheets: nothing runs in them, no other page frames them, and only known styles apply."""

import io
import re
from base64 import b64decode
from hashlib import sha256

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from include.catalog import data_sheet
from include.development.card import page as card
from include.ui import documents
from include.ui.headers import POLICY


def allowed() -> set[bytes]:
    return {b64decode(digest) for digest in re.findall(r"'sha256-([^']+)'", documents.OF_DOCUMENTS)}


def styles(text: str) -> list[bytes]:
    return [sha256(style.encode()).digest() for style in re.findall(r"<style[^>]*>(.*?)</style>", text, re.DOTALL)]


@pytest.mark.parametrize(("text", "style"), [
    (card.page("# a card", {}), card.STYLE), (data_sheet.page("a sheet", "# rows"), data_sheet.STYLE),
])  # fmt: skip
def test_the_own_style_of_a_document_applies(text: str, style: str) -> None:
    answer = documents.document(text, style)
    assert answer.body.decode() == text
    assert len(styles(text)) == 1
    assert set(styles(text)) <= allowed()


def test_what_matplotlib_writes_into_a_picture_applies() -> None:
    written = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "x"}):
        Figure().savefig(written, format="svg")
    assert set(styles(written.getvalue())) <= allowed()


def test_a_document_of_an_earlier_version_gets_the_style_of_today_and_a_forged_one_none() -> None:
    text = card.page("# a card", {}).replace(card.STYLE, "body { color: red }")
    forged = text.replace("</main>", "<style>body { display: none }</style></main>")
    body = documents.document(forged, card.STYLE).body.decode()
    first, second = styles(body)
    assert first in allowed()
    assert second not in allowed()


def test_no_other_site_frames_a_document_and_no_form_or_base_leads_out_of_it() -> None:
    policy = documents.document("<p>no head</p>", card.STYLE).headers[POLICY]
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["frame-ancestors"] == "'self'"
    assert directives["base-uri"] == directives["form-action"] == "'none'"
    assert "'unsafe-inline'" not in directives["style-src-elem"]
    assert "script-src" not in directives
