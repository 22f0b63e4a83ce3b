"""Model cards and data sheets: nothing runs in them, no other page frames them, and only known styles apply."""

import io
import re
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import pytest
from fastapi.testclient import TestClient
from matplotlib.figure import Figure

from include.catalog import data_sheet
from include.development.card import page as card
from include.ui import documents
from include.ui.headers import POLICY
from tests.unit.fakes.adapters import services_in
from tests.unit.fakes.page_client import pages_of


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


def test_a_model_card_stands_below_the_navigation_and_alone_it_is_the_document(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    mlflow = {"document": lambda *_: card.page("# a card", {}), "page": lambda *_: "http://mlflow/4"}
    services.adapters.experiment_reader = SimpleNamespace(**mlflow)  # type: ignore[misc, assignment]
    with TestClient(pages_of(services)) as client:
        around, alone = client.get("/models/flight_delay/4"), client.get("/models/flight_delay/4?alone=true")
        korean = client.get("/models/flight_delay/4?language=ko")
    assert '<iframe class="document" src="/models/flight_delay/4?alone=true"' in around.text
    assert "frame-src 'self'" in around.headers[POLICY]
    for back in ("/loops/flight_delay", "/verdicts/flight_delay/4", "/versions/flight_delay?b=4", "http://mlflow/4"):
        assert f'href="{back}"' in around.text
    assert "<nav aria-label" not in alone.text
    assert "<h1>a card</h1>" in alone.text
    assert alone.headers[POLICY] == documents.OF_DOCUMENTS
    assert "모델 카드: 모델 4" in korean.text
