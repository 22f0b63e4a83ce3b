"""One request for a page: who looks, in which language, where its links lead, and how its pictures are drawn."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from include.errors import ServiceError
from include.specification.usecase import UseCase
from include.ui import language, navigation
from include.ui.access import Reader, ReaderDep
from include.ui.charts import drawing
from include.ui.links import Links
from include.ui.templates import templates

WIDE, NARROW = 1000, 340
"""Widths of a picture, in pixels: of a page, and of a telephone."""
A_YEAR = 365 * 24 * 3600
Chart = Callable[[int], Mapping[str, Any]]
"""Width in pixels → Vega-Lite specification."""


class View:
    """What a page is made with."""

    def __init__(self, request: Request, reader: ReaderDep) -> None:
        self.reader: Reader = reader
        self.links = Links.of(request)
        self.path = request.scope["path"].removeprefix(self.links.moebius).lstrip("/")
        accepted = request.headers.get("accept-language", "")
        self.language = language.chosen(request.query_params, request.cookies, accepted)
        self.query = {k: v for k, v in parse_qsl(request.url.query) if k != language.PARAMETER}
        self._asked = request.query_params.get(language.PARAMETER)

    @property
    def text(self) -> Callable[[str], str]:
        """Translates a text that is in the catalogues."""
        return language.translations(self.language).gettext

    def page(self, template: str, spec: UseCase | None = None, **content: Any) -> HTMLResponse:
        """The template with its content; ``spec`` is the use case that the page is about."""
        html = (
            templates(self.language)
            .get_template(template)
            .render(
                view=self,
                reader=self.reader,
                links=self.links,
                spec=spec,
                here=self.path,
                **self._places(spec),
                **content,
            )
        )
        response = HTMLResponse(html)
        if self._asked in language.LANGUAGES:
            home = f"{self.links.moebius}/"
            response.set_cookie(language.COOKIE, self.language, A_YEAR, path=home, httponly=True, samesite="lax")
        return response

    def picture(self, chart: Chart, label: str) -> Markup:
        """The chart as SVG, for wide and narrow screens; why there is none when it cannot be drawn.

        ``label`` says what it shows; its marks with a ``description`` can be reached by keyboard and pointer.
        """
        sizes = (("wide", WIDE), ("narrow", NARROW))
        return Markup("").join(self._drawn(chart(width), label, css) for css, width in sizes)

    def small_picture(self, specification: Mapping[str, Any], label: str) -> Markup:
        """A picture of one size, as it stands in a card or a cell of a table."""
        return self._drawn(specification, label, "small")

    def in_language(self, name: str) -> str:
        """The address of this page in another language."""
        return "?" + urlencode({**self.query, language.PARAMETER: name})

    def _drawn(self, specification: Mapping[str, Any], label: str, css: str) -> Markup:
        try:
            svg = Markup(drawing.svg(specification))  # noqa: S704 - Vega escapes every text in it
        except ServiceError as error:
            return Markup('<p class="note">{}</p>').format(str(error))
        return Markup('<div class="picture {}" role="group" aria-label="{}">{}</div>').format(css, label, svg)

    def _places(self, spec: UseCase | None) -> dict[str, list[navigation.Place]]:
        role, of_usecase = self.reader.role, navigation.OF_USECASE if spec else ()
        return {
            "places": navigation.offered(navigation.PLACES, role),
            "of_usecase": navigation.offered(of_usecase, role, spec.name if spec else ""),
        }


ViewDep = Annotated[View, Depends()]
