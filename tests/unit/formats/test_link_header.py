"""Links of an HTTP header: addresses and titles may have commas and semicolons."""

import pytest

from include.formats.link_header import links

NEXT = "/x?ids=1,2;3"


@pytest.mark.parametrize(
    "header",
    [
        '<{}>; rel="next"',
        "<{}>;rel=next",
        '</first>; rel="first", <{}>; title="a, <b>; rel=last"; REL="prev NEXT"',
        '<{}>; rel = "next"; rel="last";',
        "</last>; rel='last' , <{}>;; rel='next'",
        '</other>; rel="next"; anchor="/elsewhere", <{}>; title="say \\"hi\\", ok"; rel="next"',
    ],
)
def test_the_next_page_is_found_whatever_the_header_looks_like(header: str) -> None:
    found = [link.target for link in links(header.replace("{}", NEXT)) if "next" in link.relations]
    assert found == [NEXT]


@pytest.mark.parametrize("header", ["", "next", '</x>; title="next"; rel="last"', '</x>; rel="nextish"', "</x>"])
def test_what_is_no_next_page_is_none(header: str) -> None:
    assert not any("next" in link.relations for link in links(header))
