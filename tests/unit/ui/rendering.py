"""Renders a template as a view does, without a request."""

from types import SimpleNamespace
from typing import Any

from include.specification.usecase import UseCase
from include.ui.links import Links
from include.ui.templates import templates


def render(template: str, spec: UseCase | None = None, language: str = "en", **content: Any) -> str:
    """The page of an auditor who reads everything, without pictures."""
    view = SimpleNamespace(
        in_language=lambda name: f"?language={name}", picture=lambda chart, label: "", text=lambda text: text,
        small_picture=lambda specification, label: "",
    )  # fmt: skip
    around = {"view": view, "reader": None, "links": Links("/moebius"), "places": [], "of_usecase": [], "here": ""}
    return templates(language).get_template(template).render(**{**around, "spec": spec, **content})
