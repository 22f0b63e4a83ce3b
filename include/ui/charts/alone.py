"""Pictures that stand outside of the pages: there is no style sheet and no theme, so their colours are fixed."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from include.ui.static import DIRECTORY

VARIABLE = re.compile(r"var\((--[\w-]+)\)")
LIGHT = re.compile(r"(--[\w-]+): light-dark\((#[0-9a-f]{6}), #[0-9a-f]{6}\);")


@cache
def light() -> dict[str, str]:
    """Variable of the style sheet → its colour on a light page."""
    return dict(LIGHT.findall((DIRECTORY / "moebius.css").read_text()))


def standing_alone(specification: Mapping[str, Any]) -> dict[str, Any]:
    """The same picture on a light card of its own: it is readable on a light page and on a dark one."""
    text = VARIABLE.sub(lambda found: light()[found[1]], json.dumps(specification))
    alone: dict[str, Any] = json.loads(text)
    return {**alone, "background": light()["--page"], "padding": {"left": 16, "right": 8, "top": 8, "bottom": 8}}
