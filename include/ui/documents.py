"""Whole documents with styles of their own, like model cards: nothing runs in them, and only known styles apply.

A page shows one in a frame of its own, below the navigation; with ``ALONE`` in the query its address is the document.
"""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

from fastapi.responses import HTMLResponse

from include.catalog import data_sheet
from include.development.card import page as card
from include.specification.usecase import UseCase
from include.ui.headers import POLICY, policy
from include.ui.view import View

OF_PICTURES = "*{stroke-linejoin: round; stroke-linecap: butt}"
"""The style element of every picture that Matplotlib writes."""
ALONE = "alone"
Lead = tuple[str, str, bool]
"""A link of a page: address, words, and whether it leads out of the pages."""
STYLES = (card.STYLE, data_sheet.STYLE, OF_PICTURES)


def _hashed(style: str) -> str:
    return f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'"


OF_DOCUMENTS = "; ".join([
    "default-src 'none'", "img-src data:", f"style-src-elem {' '.join(map(_hashed, STYLES))}",
    "style-src-attr 'unsafe-inline'",  # Matplotlib writes the look of each line as an attribute
    "frame-ancestors 'self'", "base-uri 'none'", "form-action 'none'",
])  # fmt: skip


def document(text: str, style: str) -> HTMLResponse:
    """The document under its policy, with the ``style`` of today in place of the one that it was written with."""
    head, end, body = text.partition("</head>")
    before, begins, rest = head.partition("<style>")
    after = rest.partition("</style>")[2]
    dressed = f"{before}<style>{style}</style>{after}{end}{body}" if begins and end else text
    return HTMLResponse(dressed, headers={POLICY: OF_DOCUMENTS})


def framed(view: View, spec: UseCase, title: str, leads: Sequence[Lead] = ()) -> HTMLResponse:
    """The page around the document of this address, with links to what belongs to it."""
    alone = f"{view.links.moebius}/{view.path}?{ALONE}=true"
    page = view.page("document.html", spec, title=title, leads=leads, alone=alone)
    page.headers[POLICY] = policy(frame_src="'self'")
    return page
