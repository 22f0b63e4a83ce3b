"""Markdown of questions and runbooks: what is known stays a link or a picture, everything else its words."""

import pytest

from include.ui import prose
from include.ui.links import Links

LINKS = Links("/proxy/moebius")
PICTURE = "moebius/verdicts/flight_delay/2/picture.svg?entry=4"


def test_the_picture_and_the_page_of_a_verdict_are_found_where_the_pages_are_mounted() -> None:
    html = prose.question(f"![auc: A 0.7]({PICTURE})\n\n[as a page](moebius/verdicts/flight_delay/2)", LINKS)
    assert f'<img src="/proxy/{PICTURE}" alt="auc: A 0.7" />' in html
    assert '<a href="/proxy/moebius/verdicts/flight_delay/2">as a page</a>' in html


def test_tables_and_headings_stand_below_the_question() -> None:
    html = prose.question("# Verdict\n\n| gate | result |\n|---|---|\n| gain | passes |\n\n###### end", LINKS)
    assert "<h3>Verdict</h3>" in html
    assert "<td>passes</td>" in html
    assert "<h6>end</h6>" in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>window.pwned = 1</script>",
        "<img src=x onerror=alert(1)>",
        "[words](javascript:alert(1))",
        "[words](JaVaScRiPt:alert(1))",
        "[words](data:text/html,x)",
        "[words](//example.org/x)",
        "[words](/api/v2/variables)",
        "![words](https://example.org/pixel.png)",
        "![words](//example.org/pixel.png)",
        "![words](data:image/svg+xml,x)",
        "![words](moebius/actions/flight_delay/erase)",
        "![words](moebius/../logout)",
    ],
)
def test_no_other_address_and_no_markup_is_kept(text: str) -> None:
    html = prose.question(text, LINKS)
    assert not any(tag in html for tag in ("<script", "<img", "<a ")), html
    assert ("words" in html) == ("words" in text)


@pytest.mark.parametrize("address", ["moebius/verdicts/../actions/x", "moebius/../logout", "moebius/verdicts/%2e%2e/x"])
def test_an_address_does_not_climb_out(address: str) -> None:
    html = prose.question(f"[words]({address}) ![seen]({address})", LINKS)
    assert "href" not in html
    assert "src" not in html


def test_a_link_to_a_host_leaves_the_frame() -> None:
    html = prose.question("[there](https://example.org/x?a=1&b=2)", LINKS)
    assert html == '<p><a href="https://example.org/x?a=1&amp;b=2" data-outside="">there</a></p>\n'
