"""The language of a page. Texts are English in the source; ``locale/<language>/*.po`` translates them."""

from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.core import negotiate_locale
from babel.messages import mofile, pofile
from babel.support import Translations

LANGUAGES = {"en": "English", "ko": "한국어"}
PARAMETER, COOKIE = "language", "moebius_language"
LOCALE = Path(__file__).parent / "locale"


def marked(text: str) -> str:
    """The text itself: marks it for the catalogues where it is written; what shows it translates it."""
    return text


def chosen(query: Mapping[str, str], cookies: Mapping[str, str], accepted: str) -> str:
    """The language that was asked for by the address, else by the cookie, else the first that the browser accepts."""
    for asked in (query.get(PARAMETER), cookies.get(COOKIE)):
        if asked in LANGUAGES:
            return asked
    wanted = [part.partition(";")[0].strip() for part in accepted.split(",")]
    return negotiate_locale([tag for tag in wanted if tag], [*LANGUAGES], sep="-") or "en"


@cache
def translations(language: str) -> Translations:
    """All catalogues of the language as one; of English there is none."""
    texts = Translations()
    for path in sorted((LOCALE / language).glob("*.po")):
        with path.open("rb") as file:
            catalogue = pofile.read_po(file, locale=language, domain=path.stem, abort_invalid=True)
        compiled = BytesIO()
        mofile.write_mo(compiled, catalogue)
        compiled.seek(0)
        part = Translations(compiled)
        texts.merge(part)
        texts.plural = part.plural  # merging keeps that of English
    return texts
