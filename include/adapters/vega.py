"""Vega-Lite, drawn without a browser (vl-convert)."""

import re
from collections.abc import Mapping
from typing import Any

import vl_convert

VERSION = "6.4"
"""Of Vega-Lite: the newest that the pinned wheel has."""
CONTAINER = re.compile(r' role="graphics-\w+" aria-roledescription="[\w ]+ container"')
"""Groups of marks call themselves pictures, but have no name that a screen reader could say."""


def svg(specification: Mapping[str, Any]) -> str:
    """The picture as SVG; the data is in the specification. Raises ValueError for one that cannot be drawn."""
    try:
        svg = str(vl_convert.vegalite_to_svg(dict(specification), vl_version=VERSION, allowed_base_urls=[]))
    except ValueError as error:
        raise ValueError(" ".join(str(error).splitlines()[:2])) from error  # what follows is the stack of Vega
    return CONTAINER.sub("", svg)
